/* string.h - memory and string routines: those the compiler calls and those drivers import. */
#pragma once

#include <rtl/ntdef.h>

void *memcpy(void *Destination, const void *Source, SIZE_T Length);
void *memmove(void *Destination, const void *Source, SIZE_T Length);
void *memset(void *Destination, int Value, SIZE_T Length);
int memcmp(const void *A, const void *B, SIZE_T Length);
SIZE_T strlen(const char *Text);
SIZE_T strnlen(const char *Text, SIZE_T Limit);
int strcmp(const char *A, const char *B);
int strncmp(const char *A, const char *B, SIZE_T Limit);
int RtlCompareNoCase(const char *A, const char *B);
char *strchr(const char *Text, int Character);
char *strstr(const char *Text, const char *Part);
BOOLEAN RtlMatchPattern(const char *Pattern, const char *Text); /* '*' and '?' */
