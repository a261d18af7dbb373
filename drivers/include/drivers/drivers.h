/* drivers.h - Kedge's own devices, for the roof that wires them and nobody else. */
#pragma once

#include <drivers/console.h>
#include <drivers/screen.h>

/* serial.c: 16550 ports 1 (0x3F8) and 2 (0x2F8), polled. A port that does not answer is skipped. */
BOOLEAN SerialInitialize(ULONG Port);
void SerialWrite(ULONG Port, const char *Text, SIZE_T Length);
LOG_SINK *SerialLogSink(ULONG Port);
int SerialRead(ULONG Port);             /* the next byte that has come in, or -1 */

/* keyboard.c: the PS/2 controller, polled. */
BOOLEAN KeyboardPresent(void);
int KeyboardPoll(void);                 /* scan code set 1 make code, or -1 */

/* exit.c: leave the emulator. Status is the process exit status of the interface (0 to 4). */
void ExitInitialize(const char *Device);        /* the kernel option exit=: "isa-debug" or NULL */
void ExitEmulator(ULONG Status);                /* returns only where there is no exit device */
