/* crt_number.c - numbers from text and to text, and C's rand. Any IRQL. */
#include <rtl/crt.h>

enum { RADIX_LEAST = 2, RADIX_MOST = 36, DIGITS_LONGEST = 33 };

static ULONG RandomState = 1;

static ULONG DigitOf(WCHAR Character)
{
    if (Character >= '0' && Character <= '9')
        return Character - '0';
    if (Character >= 'a' && Character <= 'z')
        return Character - 'a' + 10u;
    if (Character >= 'A' && Character <= 'Z')
        return Character - 'A' + 10u;
    return RADIX_MOST;
}

/* Digits right to left into the end of Digits. Returns where they begin. */
static char *PutDigits(char Digits[DIGITS_LONGEST], ULONG Value, ULONG Radix)
{
    char *At = Digits + DIGITS_LONGEST;

    do {
        *--At = "0123456789abcdefghijklmnopqrstuvwxyz"[Value % Radix];
        Value /= Radix;
    } while (Value);
    return At;
}

/* A sign belongs to base 10 only. */
static char *NumberText(char Digits[DIGITS_LONGEST], int Value, int Radix)
{
    BOOLEAN Negative = Radix == 10 && Value < 0;
    char *At = PutDigits(Digits, Negative ? -(ULONG)Value : (ULONG)Value, (ULONG)Radix);

    if (Negative)
        *--At = '-';
    return At;
}

/* ---- Public ---- */

/* atol - blanks, a sign, digits; a value beyond 32 bits becomes the nearest one, as in Windows. */
LONG atol(const char *Text)
{
    LONG64 Value = 0;
    BOOLEAN Negative;

    while (isspace((UCHAR)*Text))
        Text++;
    Negative = *Text == '-';
    if (*Text == '-' || *Text == '+')
        Text++;
    for (; isdigit((UCHAR)*Text); Text++)
        if (Value <= MAXLONG)
            Value = Value * 10 + (*Text - '0');
    if (Negative)
        Value = -Value;
    return Value > MAXLONG ? MAXLONG : Value < MINLONG ? MINLONG : (LONG)Value;
}

/* atoi - the same. */
int atoi(const char *Text)
{
    return atol(Text);
}

/* _wtol - the same for UTF-16. */
LONG _wtol(const WCHAR *Text)
{
    LONG64 Value = 0;
    BOOLEAN Negative;

    while (isspace(*Text))
        Text++;
    Negative = *Text == '-';
    if (*Text == '-' || *Text == '+')
        Text++;
    for (; isdigit(*Text); Text++)
        if (Value <= MAXLONG)
            Value = Value * 10 + (*Text - '0');
    if (Negative)
        Value = -Value;
    return Value > MAXLONG ? MAXLONG : Value < MINLONG ? MINLONG : (LONG)Value;
}

/* _wtoi - the same. */
int _wtoi(const WCHAR *Text)
{
    return _wtol(Text);
}

/* wcstoul - read a number in Base 2 to 36, or 0: 0x means 16, 0 means 8, else 10. *End, if End is not
 * NULL, gets the first unit not used, Text itself if there is no number.
 * Returns: the value, negated after a '-'; MAXULONG if it has more than 32 bits; 0 for a bad Base. */
ULONG wcstoul(const WCHAR *Text, WCHAR **End, int Base)
{
    const WCHAR *At = Text, *Digits;
    ULONG64 Value = 0;
    BOOLEAN Negative;

    if (End)
        *End = (WCHAR *)Text;
    if (Base < 0 || Base == 1 || Base > RADIX_MOST)
        return 0;
    while (isspace(*At))
        At++;
    Negative = *At == '-';
    if (*At == '-' || *At == '+')
        At++;
    if ((Base == 0 || Base == 16) && At[0] == '0' && (At[1] == 'x' || At[1] == 'X') && DigitOf(At[2]) < 16) {
        At += 2;
        Base = 16;
    }
    if (Base == 0)
        Base = *At == '0' ? 8 : 10;
    for (Digits = At; DigitOf(*At) < (ULONG)Base; At++)
        if (Value <= MAXULONG)
            Value = Value * (ULONG)Base + DigitOf(*At);
    if (At != Digits && End)
        *End = (WCHAR *)At;
    if (Value > MAXULONG)
        return MAXULONG;
    return Negative ? -(ULONG)Value : (ULONG)Value;
}

/* _itoa - write Value in Radix 2 to 36, lower-case; the caller's buffer holds up to 33 bytes and the
 * terminator.  Returns: Buffer, empty for a bad Radix. */
char *_itoa(int Value, char *Buffer, int Radix)
{
    char Digits[DIGITS_LONGEST], *At = Digits + DIGITS_LONGEST;
    SIZE_T Length;

    if (Radix >= RADIX_LEAST && Radix <= RADIX_MOST)
        At = NumberText(Digits, Value, Radix);
    Length = (SIZE_T)(Digits + DIGITS_LONGEST - At);
    memcpy(Buffer, At, Length);
    Buffer[Length] = '\0';
    return Buffer;
}

/* _itow - the same in UTF-16. */
WCHAR *_itow(int Value, WCHAR *Buffer, int Radix)
{
    char Digits[DIGITS_LONGEST], *At = Digits + DIGITS_LONGEST;
    WCHAR *To = Buffer;

    if (Radix >= RADIX_LEAST && Radix <= RADIX_MOST)
        At = NumberText(Digits, Value, Radix);
    while (At < Digits + DIGITS_LONGEST)
        *To++ = (UCHAR)*At++;
    *To = 0;
    return Buffer;
}

/* rand - Windows' generator: 15 bits of a linear congruence. One state for all callers; racing calls may
 * repeat a value. */
int rand(void)
{
    RandomState = RandomState * 214013 + 2531011;
    return (int)(RandomState >> 16 & 0x7FFF);
}

/* srand - start the sequence over. */
void srand(ULONG Seed)
{
    RandomState = Seed;
}
