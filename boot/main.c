/* main.c - the roof: brings the floors up in order, from the loader's hand-over to the verdict. */
#include <arch/arch.h>
#include <drivers/drivers.h>

void BootMain(ULONG Magic, ULONG64 Information);

void BootMain(ULONG Magic, ULONG64 Information)
{
    static const char Line[] = "Kedge: 64-bit mode reached\n";

    UNREFERENCED_PARAMETER(Magic);
    UNREFERENCED_PARAMETER(Information);
    SerialInitialize(1);
    SerialLogSink(1)->Write(SerialLogSink(1), Line, sizeof Line - 1);
    ExitInitialize("isa-debug");
    ExitEmulator(0);
    for (;;)
        ArchWaitForInterrupt();
}
