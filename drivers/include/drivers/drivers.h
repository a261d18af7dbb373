/* drivers.h - Kedge's own devices, for the roof that wires them and nobody else. */
#pragma once

#include <rtl/boot_info.h>
#include <rtl/print.h>

/* serial.c: 16550 ports 1 (0x3F8) and 2 (0x2F8), polled. A port that does not answer is skipped. */
BOOLEAN SerialInitialize(ULONG Port);
void SerialWrite(ULONG Port, const char *Text, SIZE_T Length);
LOG_SINK *SerialLogSink(ULONG Port);

/* console.c: the text screen, over a framebuffer (font.c) or the VGA text buffer (vga.c). */
void ConsoleInitialize(const BOOT_INFO *Info, PVOID FramebufferMapping, PVOID VgaMapping);
LOG_SINK *ConsoleLogSink(void);
void ConsoleEnterStop(void);            /* from now on: stop-screen colours, no locks taken */

/* keyboard.c: the PS/2 controller, polled. */
BOOLEAN KeyboardPresent(void);
int KeyboardPoll(void);                 /* scan code set 1 make code, or -1 */

/* exit.c: leave the emulator. Status is the process exit status of the interface (0 to 4). */
void ExitInitialize(const char *Device);        /* the kernel option exit=: "isa-debug" or NULL */
void ExitEmulator(ULONG Status);                /* returns only where there is no exit device */
