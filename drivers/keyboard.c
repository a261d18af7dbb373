/* keyboard.c - the PS/2 keyboard, polled: for the one question "restart or power off?".
 *
 * A PC may have no such controller: its ports then read all ones, and nothing here waits on them. Every
 * wait is bounded, as the controller may be wedged. The firmware has left the keyboard scanning and the
 * controller translating to scan code set 1, which is also how USB keyboards appear where the firmware
 * emulates a PS/2 one; so only what that needs is done, and nothing is reset. */
#include <arch/io.h>
#include <drivers/drivers.h>

enum { DATA_PORT = 0x60, STATUS_PORT = 0x64, COMMAND_PORT = 0x64 };
enum { STATUS_OUTPUT_FULL = 0x01, STATUS_INPUT_FULL = 0x02, STATUS_MOUSE = 0x20, STATUS_ABSENT = 0xFF };
enum { COMMAND_ENABLE_KEYBOARD = 0xAE, CODE_EXTENDED = 0xE0, CODE_EXTENDED_PAUSE = 0xE1, CODE_RELEASE = 0x80 };
enum { MAXIMUM_POLLS = 10000, BUFFER_DEPTH = 32 };

static BOOLEAN Probed, Present;
static UCHAR Skip;                      /* codes of an extended sequence still to come */

static BOOLEAN WaitForInputEmpty(void)
{
    for (ULONG Poll = 0; Poll < MAXIMUM_POLLS; Poll++)
        if (!(IoIn8(STATUS_PORT) & STATUS_INPUT_FULL))
            return TRUE;
    return FALSE;
}

static void DropOldCodes(void)
{
    for (ULONG I = 0; I < BUFFER_DEPTH && (IoIn8(STATUS_PORT) & STATUS_OUTPUT_FULL); I++)
        IoIn8(DATA_PORT);
}

static BOOLEAN Probe(void)
{
    if (IoIn8(STATUS_PORT) == STATUS_ABSENT || !WaitForInputEmpty())
        return FALSE;
    IoOut8(COMMAND_PORT, COMMAND_ENABLE_KEYBOARD);
    if (!WaitForInputEmpty())
        return FALSE;
    DropOldCodes();
    return TRUE;
}

/* ---- Public ---- */

/* KeyboardPresent - whether a controller answers; asked once, remembered. Keys typed before are dropped.
 * IRQL: any. */
BOOLEAN KeyboardPresent(void)
{
    if (!Probed) {
        Present = Probe();
        Probed = TRUE;
    }
    return Present;
}

/* KeyboardPoll - the make code (scan code set 1) of a key that went down since the last call, or -1. Keys
 * with extended codes (the arrows among them) are not told.  IRQL: any; one caller at a time. */
int KeyboardPoll(void)
{
    UCHAR Status, Code;

    if (!KeyboardPresent())
        return -1;
    Status = IoIn8(STATUS_PORT);
    if (Status == STATUS_ABSENT || !(Status & STATUS_OUTPUT_FULL))
        return -1;
    Code = IoIn8(DATA_PORT);
    if (Status & STATUS_MOUSE)
        return -1;
    if (Code == CODE_EXTENDED || Code == CODE_EXTENDED_PAUSE) {
        Skip = Code == CODE_EXTENDED ? 1 : 2;
        return -1;
    }
    if (Skip) {
        Skip--;
        return -1;
    }
    return Code & CODE_RELEASE ? -1 : Code;
}
