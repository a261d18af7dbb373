/* serial.c - the 16550 serial ports, polled.
 *
 * Serial 1 carries the log and serial 2 the test results; both are read by programs, so nothing is ever
 * dropped: a writer waits for the transmitter. A port that is not there would make it wait for ever, so
 * each is probed once in loopback mode, and one that fails the probe swallows what is written to it. A
 * port that stops answering later (a cable adapter unplugged) is given up after a bounded wait.
 *
 * The device sits behind a 16-byte FIFO: one wait pays for up to 16 bytes. No locks: who writes to
 * port 1 has the log's sinks, and port 2 has one writer. */
#include <arch/io.h>
#include <drivers/drivers.h>

enum { SERIAL_PORTS = 2, FIFO_DEPTH = 16, MAXIMUM_POLLS = 1 << 20 };

enum {
    REG_DATA = 0, REG_DIVISOR_LOW = 0, REG_INTERRUPTS = 1, REG_DIVISOR_HIGH = 1, REG_FIFO = 2,
    REG_LINE_CONTROL = 3, REG_MODEM_CONTROL = 4, REG_LINE_STATUS = 5
};

enum {
    LINE_8N1 = 0x03, LINE_DIVISOR = 0x80, FIFO_ENABLE_CLEAR = 0x07,
    MODEM_DTR_RTS = 0x03, MODEM_LOOPBACK = 0x10, STATUS_DATA_READY = 0x01, STATUS_TRANSMIT_EMPTY = 0x20
};

typedef struct _SERIAL_PORT {
    LOG_SINK Sink;
    USHORT Base;
    BOOLEAN Present;
} SERIAL_PORT;

static void WriteLog(LOG_SINK *Sink, const char *Text, SIZE_T Length);

static SERIAL_PORT Ports[SERIAL_PORTS] = {
    { .Sink = { .Write = WriteLog }, .Base = 0x3F8 },
    { .Sink = { .Write = WriteLog }, .Base = 0x2F8 },
};

static BOOLEAN WaitForStatus(const SERIAL_PORT *Port, UCHAR Bit)
{
    for (ULONG Poll = 0; Poll < MAXIMUM_POLLS; Poll++)
        if (IoIn8(Port->Base + REG_LINE_STATUS) & Bit)
            return TRUE;
    return FALSE;
}

/* A byte sent in loopback mode comes back; an absent port reads all ones. */
static BOOLEAN Probe(const SERIAL_PORT *Port)
{
    static const UCHAR Patterns[] = { 0x5A, 0xA5 };
    BOOLEAN Answers = TRUE;

    IoOut8(Port->Base + REG_MODEM_CONTROL, MODEM_LOOPBACK);
    for (ULONG Index = 0; Index < RTL_NUMBER_OF(Patterns) && Answers; Index++) {
        IoOut8(Port->Base + REG_DATA, Patterns[Index]);
        Answers = WaitForStatus(Port, STATUS_DATA_READY) && IoIn8(Port->Base + REG_DATA) == Patterns[Index];
    }
    return Answers;
}

static void WriteBytes(SERIAL_PORT *Port, const char *Text, SIZE_T Length)
{
    while (Port->Present && Length != 0) {
        SIZE_T Burst = Length < FIFO_DEPTH ? Length : FIFO_DEPTH;

        if (!WaitForStatus(Port, STATUS_TRANSMIT_EMPTY)) {
            Port->Present = FALSE;
            return;
        }
        for (SIZE_T Index = 0; Index < Burst; Index++)
            IoOut8(Port->Base + REG_DATA, (UCHAR)Text[Index]);
        Text += Burst;
        Length -= Burst;
    }
}

/* Terminals want a carriage return before each line feed. */
static void WriteLog(LOG_SINK *Sink, const char *Text, SIZE_T Length)
{
    SERIAL_PORT *Port = CONTAINING_RECORD(Sink, SERIAL_PORT, Sink);
    SIZE_T Start = 0;

    for (SIZE_T Index = 0; Index < Length; Index++)
        if (Text[Index] == '\n') {
            WriteBytes(Port, Text + Start, Index - Start);
            WriteBytes(Port, "\r\n", 2);
            Start = Index + 1;
        }
    WriteBytes(Port, Text + Start, Length - Start);
}

/* ---- Public ---- */

/* SerialInitialize - set serial port Port (1 or 2) to 115200 baud, 8N1, FIFO on, no interrupts.
 * IRQL: any.  Returns: whether a port answered; if not, writing to it does nothing. */
BOOLEAN SerialInitialize(ULONG Port)
{
    SERIAL_PORT *P = &Ports[Port - 1];

    IoOut8(P->Base + REG_INTERRUPTS, 0);
    IoOut8(P->Base + REG_LINE_CONTROL, LINE_DIVISOR);
    IoOut8(P->Base + REG_DIVISOR_LOW, 1);
    IoOut8(P->Base + REG_DIVISOR_HIGH, 0);
    IoOut8(P->Base + REG_LINE_CONTROL, LINE_8N1);
    IoOut8(P->Base + REG_FIFO, FIFO_ENABLE_CLEAR);
    P->Present = Probe(P);
    IoOut8(P->Base + REG_MODEM_CONTROL, MODEM_DTR_RTS);
    return P->Present;
}

/* SerialWrite - send Text as it is. IRQL: any; the caller keeps other writers of the port out. */
void SerialWrite(ULONG Port, const char *Text, SIZE_T Length)
{
    WriteBytes(&Ports[Port - 1], Text, Length);
}

/* SerialLogSink - the port as a log sink, which ends lines the way terminals want. */
LOG_SINK *SerialLogSink(ULONG Port)
{
    return &Ports[Port - 1].Sink;
}

/* SerialRead - the next byte that came in on the port, or -1: none has, or there is no such port. IRQL: any. */
int SerialRead(ULONG Port)
{
    const SERIAL_PORT *P = &Ports[Port - 1];

    return P->Present && (IoIn8(P->Base + REG_LINE_STATUS) & STATUS_DATA_READY) ? IoIn8(P->Base + REG_DATA) : -1;
}
