/* store.h - what the store and its users agree on. */
#pragma once

#include <ntifs.h>

#define STORE_LINK       L"\\DosDevices\\KedgeStore"
#define STORE_SIZE       0x8000
#define STORE_HOLD       (STORE_SIZE - 1)       /* while this byte is not 0, requests stay in the queue */
#define IOCTL_STORE_SUM  CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define IOCTL_STORE_HOLD CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS)
