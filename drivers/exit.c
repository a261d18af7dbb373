/* exit.c - leaving the emulator with a status that its caller sees.
 *
 * QEMU's isa-debug-exit device ends the process with (value << 1) | 1. The value is 0x10 + status, so
 * that none of our statuses can be mistaken for QEMU's own 1 or for a killed process; tests/boot.sh
 * maps 0x21 + 2 * status back. The device cannot be detected by reading its port, hence only a kernel option
 * switches it on: a real PC has something else there, or nothing. */
#include <arch/io.h>
#include <drivers/drivers.h>
#include <rtl/string.h>

enum { EXIT_PORT = 0xF4, EXIT_BASE = 0x10 };

static BOOLEAN HasExitDevice;

/* ---- Public ---- */

/* ExitInitialize - Device: the kernel option exit=, NULL if it was not given. */
void ExitInitialize(const char *Device)
{
    HasExitDevice = Device != NULL && strcmp(Device, "isa-debug") == 0;
}

/* ExitEmulator - end the emulator's process with Status. IRQL: any. Returns only where there is no
 * exit device. */
void ExitEmulator(ULONG Status)
{
    if (HasExitDevice)
        IoOut32(EXIT_PORT, EXIT_BASE + Status);
}
