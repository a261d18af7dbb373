/* crt.h - the C routines that ntoskrnl exports and drivers link against, beyond those of string.h.
 *
 * `int` results and WCHAR characters are the Windows C runtime's; errno values are its too. */
#pragma once

#include <rtl/ntdef.h>
#include <rtl/string.h>

/* ---- crt_string.c ---- */
void *memchr(const void *Block, int Value, SIZE_T Length);
char *strcpy(char *Destination, const char *Source);
char *strncpy(char *Destination, const char *Source, SIZE_T Count);
char *strcat(char *Destination, const char *Source);
char *strncat(char *Destination, const char *Source, SIZE_T Count);
char *strrchr(const char *Text, int Character);
SIZE_T strspn(const char *Text, const char *Set);
int _stricmp(const char *A, const char *B);
int _strnicmp(const char *A, const char *B, SIZE_T Count);
char *_strlwr(char *Text);
char *_strupr(char *Text);
char *_strrev(char *Text);
char *_strset(char *Text, int Character);
char *_strnset(char *Text, int Character, SIZE_T Count);
int isdigit(int Character);
int islower(int Character);
int isprint(int Character);
int isspace(int Character);
int isupper(int Character);
int isxdigit(int Character);
int tolower(int Character);
int toupper(int Character);

/* ---- crt_wide.c ---- */
SIZE_T wcslen(const WCHAR *Text);
SIZE_T wcsnlen(const WCHAR *Text, SIZE_T Limit);
WCHAR *wcscpy(WCHAR *Destination, const WCHAR *Source);
WCHAR *wcsncpy(WCHAR *Destination, const WCHAR *Source, SIZE_T Count);
WCHAR *wcscat(WCHAR *Destination, const WCHAR *Source);
WCHAR *wcsncat(WCHAR *Destination, const WCHAR *Source, SIZE_T Count);
int wcscmp(const WCHAR *A, const WCHAR *B);
int wcsncmp(const WCHAR *A, const WCHAR *B, SIZE_T Count);
int _wcsicmp(const WCHAR *A, const WCHAR *B);
int _wcsnicmp(const WCHAR *A, const WCHAR *B, SIZE_T Count);
WCHAR *wcschr(const WCHAR *Text, WCHAR Character);
WCHAR *wcsrchr(const WCHAR *Text, WCHAR Character);
WCHAR *wcsstr(const WCHAR *Text, const WCHAR *Part);
SIZE_T wcsspn(const WCHAR *Text, const WCHAR *Set);
SIZE_T wcscspn(const WCHAR *Text, const WCHAR *Set);
WCHAR *_wcslwr(WCHAR *Text);
WCHAR *_wcsupr(WCHAR *Text);
WCHAR *_wcsrev(WCHAR *Text);
WCHAR towlower(WCHAR Character);
WCHAR towupper(WCHAR Character);
SIZE_T mbstowcs(WCHAR *Destination, const char *Source, SIZE_T Count);
SIZE_T wcstombs(char *Destination, const WCHAR *Source, SIZE_T Count);

/* ---- crt_secure.c: Annex K as Windows has it ---- */
enum { CRT_EINVAL = 22, CRT_ERANGE = 34, CRT_STRUNCATE = 80 };
#define CRT_TRUNCATE ((SIZE_T)-1)
int memcpy_s(void *Destination, SIZE_T Size, const void *Source, SIZE_T Count);
int memmove_s(void *Destination, SIZE_T Size, const void *Source, SIZE_T Count);
int strcpy_s(char *Destination, SIZE_T Size, const char *Source);
int strcat_s(char *Destination, SIZE_T Size, const char *Source);
int strncpy_s(char *Destination, SIZE_T Size, const char *Source, SIZE_T Count);
int strncat_s(char *Destination, SIZE_T Size, const char *Source, SIZE_T Count);
int wcscpy_s(WCHAR *Destination, SIZE_T Size, const WCHAR *Source);
int wcscat_s(WCHAR *Destination, SIZE_T Size, const WCHAR *Source);
int wcsncpy_s(WCHAR *Destination, SIZE_T Size, const WCHAR *Source, SIZE_T Count);
int wcsncat_s(WCHAR *Destination, SIZE_T Size, const WCHAR *Source, SIZE_T Count);

/* ---- crt_print.c ---- */
int sprintf(char *Buffer, const char *Format, ...);
int vsprintf(char *Buffer, const char *Format, va_list Arguments);
int _snprintf(char *Buffer, SIZE_T Count, const char *Format, ...);
int _vsnprintf(char *Buffer, SIZE_T Count, const char *Format, va_list Arguments);
int swprintf(WCHAR *Buffer, const WCHAR *Format, ...);
int _swprintf(WCHAR *Buffer, const WCHAR *Format, ...);
int _vswprintf(WCHAR *Buffer, const WCHAR *Format, va_list Arguments);
int _snwprintf(WCHAR *Buffer, SIZE_T Count, const WCHAR *Format, ...);
int _vsnwprintf(WCHAR *Buffer, SIZE_T Count, const WCHAR *Format, va_list Arguments);
int sprintf_s(char *Buffer, SIZE_T Size, const char *Format, ...);
int vsprintf_s(char *Buffer, SIZE_T Size, const char *Format, va_list Arguments);
int swprintf_s(WCHAR *Buffer, SIZE_T Size, const WCHAR *Format, ...);
int vswprintf_s(WCHAR *Buffer, SIZE_T Size, const WCHAR *Format, va_list Arguments);
int _snprintf_s(char *Buffer, SIZE_T Size, SIZE_T Count, const char *Format, ...);
int _vsnprintf_s(char *Buffer, SIZE_T Size, SIZE_T Count, const char *Format, va_list Arguments);
int _snwprintf_s(WCHAR *Buffer, SIZE_T Size, SIZE_T Count, const WCHAR *Format, ...);
int _vsnwprintf_s(WCHAR *Buffer, SIZE_T Size, SIZE_T Count, const WCHAR *Format, va_list Arguments);

/* ---- crt_number.c ---- */
int atoi(const char *Text);
LONG atol(const char *Text);
int _wtoi(const WCHAR *Text);
LONG _wtol(const WCHAR *Text);
ULONG wcstoul(const WCHAR *Text, WCHAR **End, int Base);
char *_itoa(int Value, char *Buffer, int Radix);
WCHAR *_itow(int Value, WCHAR *Buffer, int Radix);
int rand(void);
void srand(ULONG Seed);

/* ---- crt_sort.c ---- */
void qsort(void *Base, SIZE_T Count, SIZE_T Size, int (*Compare)(const void *, const void *));
void *bsearch(const void *Key, const void *Base, SIZE_T Count, SIZE_T Size, int (*Compare)(const void *, const void *));
