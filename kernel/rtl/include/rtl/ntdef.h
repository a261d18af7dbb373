/* ntdef.h - the types of the NT binary interface, as the LLP64 headers of a driver see them.
 *
 * `long` is 8 bytes in an ELF compiler and 4 in a driver's, so it appears nowhere. */
#pragma once

#include <stddef.h>
#include <stdarg.h>

typedef void VOID, *PVOID;
typedef const void *PCVOID;
typedef char CHAR, CCHAR, *PCHAR, *PSTR;
typedef const char *PCSTR;
typedef signed char SCHAR;
typedef unsigned char UCHAR, *PUCHAR, BOOLEAN, *PBOOLEAN;
typedef unsigned short WCHAR, *PWCH, *PWSTR;
typedef const unsigned short *PCWSTR;
typedef short SHORT, CSHORT;
typedef unsigned short USHORT, *PUSHORT;
typedef int LONG, *PLONG;
typedef unsigned int ULONG, *PULONG;
typedef long long LONGLONG, LONG64, LONG_PTR, SSIZE_T;
typedef unsigned long long ULONGLONG, ULONG64, *PULONG64, ULONG_PTR, *PULONG_PTR, SIZE_T, *PSIZE_T;
typedef unsigned long long PHYSICAL_ADDRESS_VALUE;

typedef UCHAR KIRQL, *PKIRQL;
typedef CHAR KPROCESSOR_MODE;
typedef LONG KPRIORITY;
typedef ULONG_PTR KAFFINITY, *PKAFFINITY;
typedef ULONG_PTR KSPIN_LOCK, *PKSPIN_LOCK;
typedef LONG NTSTATUS;
typedef ULONG ACCESS_MASK;
typedef PVOID HANDLE, *PHANDLE;
typedef ULONG LOGICAL;

#define TRUE  1
#define FALSE 0
#define MAXLONG  0x7FFFFFFF
#define MAXLONGLONG 0x7FFFFFFFFFFFFFFFll
#define MINLONG  ((LONG)0x80000000)
#define MAXULONG 0xFFFFFFFFu

enum { KernelMode, UserMode, MaximumMode };

enum { PASSIVE_LEVEL = 0, APC_LEVEL = 1, DISPATCH_LEVEL = 2,
       SYNCH_LEVEL = 12, CLOCK_LEVEL = 13, IPI_LEVEL = 14, HIGH_LEVEL = 15 };

#define PAGE_SIZE  0x1000u
#define PAGE_SHIFT 12

/* Travels in one register, also as a result. */
typedef union _LARGE_INTEGER {
    struct { ULONG LowPart; LONG HighPart; };
    struct { ULONG LowPart; LONG HighPart; } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

typedef struct _SINGLE_LIST_ENTRY { struct _SINGLE_LIST_ENTRY *Next; } SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

typedef struct _UNICODE_STRING { USHORT Length, MaximumLength; PWSTR Buffer; } UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;
typedef struct _STRING { USHORT Length, MaximumLength; PCHAR Buffer; } STRING, ANSI_STRING, *PSTRING, *PANSI_STRING;
typedef const STRING *PCANSI_STRING;

typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes;
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;

typedef struct _CLIENT_ID { HANDLE UniqueProcess, UniqueThread; } CLIENT_ID, *PCLIENT_ID;

#define C_ASSERT(Condition) _Static_assert(Condition, #Condition)
#define CONTAINING_RECORD(Address, Type, Field) ((Type *)((PCHAR)(Address) - offsetof(Type, Field)))
#define RTL_NUMBER_OF(Array) (sizeof(Array) / sizeof((Array)[0]))
#define UNREFERENCED_PARAMETER(P) ((void)(P))
#define DECLSPEC_NORETURN __attribute__((noreturn))
#define FORCEINLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define LIKELY(X)   __builtin_expect(!!(X), 1)
#define UNLIKELY(X) __builtin_expect(!!(X), 0)

C_ASSERT(sizeof(LONG) == 4 && sizeof(PVOID) == 8 && sizeof(WCHAR) == 2);
C_ASSERT(sizeof(LARGE_INTEGER) == 8);
C_ASSERT(sizeof(LIST_ENTRY) == 0x10);
C_ASSERT(sizeof(UNICODE_STRING) == 0x10 && offsetof(UNICODE_STRING, Buffer) == 8);
C_ASSERT(sizeof(OBJECT_ATTRIBUTES) == 0x30 && offsetof(OBJECT_ATTRIBUTES, SecurityDescriptor) == 0x20);
C_ASSERT(sizeof(CLIENT_ID) == 0x10);
