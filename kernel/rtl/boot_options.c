/* boot_options.c - the kernel's options on the loader's command line: blank-separated words, `name` or
 * `name=value`. The last mention of a name counts, so that what is appended overrides. */
#include <rtl/boot_info.h>
#include <rtl/print.h>
#include <rtl/string.h>

/* The value of the word at Word if its name is Name: what follows '=', or the word's end; else NULL. */
static const char *ValueOf(const char *Word, const char *Name)
{
    SIZE_T Length = strlen(Name);

    if (strncmp(Word, Name, Length) != 0)
        return NULL;
    if (Word[Length] == '=')
        return Word + Length + 1;
    return Word[Length] == 0 || Word[Length] == ' ' ? Word + Length : NULL;
}

/* ---- Public: BootOption ---- */

/* BootOption - the value of kernel option Name, copied into Buffer of Size bytes.  IRQL: any.
 * Returns: Buffer; "" for a bare name; NULL if the option was not given. A value that does not fit is
 * cut, and the log says so. */
const char *BootOption(const BOOT_INFO *Info, const char *Name, char *Buffer, SIZE_T Size)
{
    const char *Value = NULL;
    SIZE_T Length = 0;

    for (const char *Word = Info->CommandLine; *Word != 0;) {
        const char *Found = ValueOf(Word, Name);

        if (Found != NULL)
            Value = Found;
        while (*Word != 0 && *Word != ' ')
            Word++;
        while (*Word == ' ')
            Word++;
    }
    if (Value == NULL)
        return NULL;
    while (Value[Length] != 0 && Value[Length] != ' ')
        Length++;
    if (Length >= Size) {
        LogPrint("boot: option %s: its value is cut after %Iu bytes\n", Name, Size - 1);
        Length = Size - 1;
    }
    memcpy(Buffer, Value, Length);
    Buffer[Length] = 0;
    return Buffer;
}
