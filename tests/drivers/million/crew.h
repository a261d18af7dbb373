/* crew.h - what drivers with several threads of their own need again and again: the threads, which DriverUnload waits
 * for, and a result at the end. A driver of one file includes it after the DDK's header.*/
#define CREW 16

static PVOID Crew[CREW];
static ULONG CrewSize;

static NTSTATUS Enlist(PKSTART_ROUTINE Routine, PVOID Context)
{
    HANDLE Handle;
    NTSTATUS Status = PsCreateSystemThread(&Handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, Context);

    if (!NT_SUCCESS(Status))
        return Status;
    Status = ObReferenceObjectByHandle(Handle, SYNCHRONIZE, *PsThreadType, KernelMode, &Crew[CrewSize], NULL);
    if (NT_SUCCESS(Status))
        CrewSize++;
    ZwClose(Handle);
    return Status;
}

/* Waits for the threads' ends: until then their code must stay where it is. */
static VOID Dismiss(VOID)
{
    ULONG i;

    for (i = 0; i < CrewSize; i++) {
        KeWaitForSingleObject(Crew[i], Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(Crew[i]);
    }
    CrewSize = 0;
}

static VOID Result(ULONG Number, BOOLEAN Ok, const char *What, LONGLONG Is, LONGLONG Due)
{
    DbgPrint("%s %u - %s (%I64d of %I64d)\n", Ok ? "ok" : "not ok", Number, What, Is, Due);
}

static ULONG Random(ULONG *Seed)
{
    *Seed = *Seed * 1664525 + 1013904223;
    return *Seed >> 10;
}
