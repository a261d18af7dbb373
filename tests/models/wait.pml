/* wait.pml - the protocol of kernel/ke/wait.c and wake.c: who ends a wait.
 *
 * Two synchronization objects, A and B, and three threads that wait once each:
 *   All    for A and B together, alertable and with a timeout
 *   Any    for A or B
 *   One    for A
 * A and B are set by one signaller each; the timeout comes due and the alert is given at any moment, or never; B is a timer
 * whose setter takes the timer queue's lock inside its own, as KeSetTimer does. The locks, the one step on a thread's
 * state, the mark WaitTested and the Busy mark of a processor that is still on its way off a thread are the kernel's.
 * What happens under one lock and is seen under no other is one step here, and so is taking and freeing a lock around it.
 *
 * Checked in every run: a unit of a signal is given to one thread; a wait ends once, and a thread is resumed only when
 * nobody is on its stack; nobody waits for what is there (a lost wake-up); no deadlock.
 * With -DSMALL there are neither One nor the alert, but a second set of A, which takes seconds instead of minutes.
 * With -DPLANTED a tester lets the other objects go before he takes his mark off, so a signaller who passes by in
 * between is not heard: the model must find that. The order of plain stores and loads (kernel APCs against the commit,
 * idle processors against the ready queues) is not modelled: spin's memory has no store buffers.
 * Nor are the pauses of a walk past many waiters: they free the object's lock between two waiters, and claim nobody; what
 * others may do meanwhile they may do here between two sets. tests/ke/pause_test.c goes into the middle of one. */

#define THREADS 3
#define ALL 0
#define ANY 1
#define ONE 2
#define A 0
#define B 1
#define LINKED(o, t) linked[(o) * THREADS + (t)]

mtype = { Running, Waiting, Tested, Deferred, Ready };
mtype = { None, Signalled, TimedOut, Alerted };

bit lock[2], threadLock, queueLock;     /* objects; All's own; the timer queue's */
bit state[2];                           /* SignalState */
bit linked[6];                          /* a block of thread t is in the list of object o */
mtype st[THREADS] = Running;            /* StateWord */
mtype result[THREADS] = None;           /* WaitStatus */
bit busy[THREADS] = 1;                  /* a processor is on the thread's stack */
bit resumed[THREADS], ended[THREADS];
bit timeoutQueued, alertMark;
bit rescued;                            /* the timeout comes due, or the alert is given */
byte made[2], taken[2];                 /* units of signal */
byte done;                              /* signallers, timer, alerter that have finished */

#define Lock(l)   atomic { !l -> l = 1 }
#define Unlock(l) l = 0

/* The one step. outcome: 1 won, 0 lost, 2 busy. */
inline Claim(t, outcome)
{
    d_step {
        if
        :: st[t] == Waiting -> st[t] = Deferred; outcome = 1
        :: st[t] == Tested -> outcome = 2
        :: else -> outcome = 0
        fi
    }
}

inline Take(o)
{
    assert(state[o] == 1);
    state[o] = 0;
    taken[o]++
}

inline Give(t, how)
{
    assert(st[t] == Deferred && result[t] == None);
    result[t] = how
}

/* Object o is locked, as it is afterwards; its block of All is met. */
inline TestAll(o)
{
    d_step {
        if
        :: st[ALL] == Waiting -> st[ALL] = Tested; outcome = 1
        :: st[ALL] == Tested -> outcome = 2
        :: else -> LINKED(o, ALL) = 0; outcome = 0
        fi
    }
    if
    :: outcome == 1 ->
        Unlock(lock[o]);
        Lock(lock[A]);
        Lock(lock[B]);
        if
        :: state[A] && state[B] ->
            d_step {
                Take(A); Take(B);
                LINKED(A, ALL) = 0; LINKED(B, ALL) = 0;
                assert(st[ALL] == Tested);
                st[ALL] = Deferred;
                Give(ALL, Signalled);
                woken[ALL] = 1
            }
            Unlock(lock[1 - o])
        :: else ->
#ifdef PLANTED
            Unlock(lock[1 - o]);
            st[ALL] = Waiting
#else
            st[ALL] = Waiting;
            Unlock(lock[1 - o])
#endif
        fi
    :: else
    fi
}

/* The walk goes on to the first block from t on; THREADS: none, or the state has been taken. */
inline NextBlock(o, t)
{
    d_step {
        do
        :: t < THREADS && state[o] && !LINKED(o, t) -> t++
        :: !state[o] -> t = THREADS; break
        :: else -> break
        od
    }
}

proctype Signaller(byte o)
{
    byte t, outcome;
    bit woken[THREADS];

    Lock(lock[o]);
    if
    :: o == B -> !queueLock             /* takes it, and lets it go */
    :: o != B
    fi;
    if
    :: d_step { state[o] == 0 -> state[o] = 1; made[o]++ }
        NextBlock(o, t);
        do
        :: t == ALL -> TestAll(o); t++; NextBlock(o, t)
        :: t != ALL && t < THREADS ->
            Claim(t, outcome);
            d_step {
                LINKED(o, t) = 0;
                if
                :: outcome == 1 -> Take(o); Give(t, Signalled); woken[t] = 1
                :: else -> assert(outcome == 0)
                fi;
                t++
            }
            NextBlock(o, t)
        :: t >= THREADS -> break
        od
    :: else
    fi;
    Unlock(lock[o]);
    d_step {
        t = 0;
        do
        :: t < THREADS -> if :: woken[t] -> st[t] = Ready :: else fi; t++
        :: else -> break
        od;
        t = 0;
        done++
    }
}

proctype Timer()
{
    byte outcome = 2;

end:
    if
    :: timeoutQueued -> rescued = 1
    :: outcome = 0                      /* the time is far away */
    fi;
    do
    :: outcome == 2 ->
        Lock(queueLock);
        if
        :: timeoutQueued ->
            Claim(ALL, outcome);
            if
            :: outcome == 1 -> d_step { Give(ALL, TimedOut); timeoutQueued = 0 }
            :: outcome == 0 -> timeoutQueued = 0
            :: else
            fi
        :: else -> outcome = 0
        fi;
        Unlock(queueLock)
    :: else -> break
    od;
    if
    :: outcome == 1 -> st[ALL] = Ready
    :: else
    fi;
    done++
}

proctype Alerter()
{
    byte outcome = 2;

    rescued = 1;
    Lock(threadLock);
    do
    :: outcome == 2 -> Claim(ALL, outcome)
    :: else -> break
    od;
    if
    :: outcome == 1 -> Give(ALL, Alerted)
    :: else -> alertMark = 1
    fi;
    Unlock(threadLock);
    if
    :: outcome == 1 -> st[ALL] = Ready
    :: else
    fi;
    done++
}


/* What is still linked comes out. */
inline CleanUp(o, t)
{
    if
    :: LINKED(o, t) -> atomic { !lock[o] -> LINKED(o, t) = 0 }
    :: else
    fi
}

active proctype All()
{
    Lock(lock[A]);
    Lock(lock[B]);
    if
    :: state[A] && state[B] -> d_step { Take(A); Take(B); result[ALL] = Signalled }
    :: else ->
        Lock(threadLock);
        if
        :: alertMark -> d_step { alertMark = 0; result[ALL] = Alerted }
        :: else ->
            d_step { LINKED(A, ALL) = 1; LINKED(B, ALL) = 1 }
            /* In one step: it is this processor's queue, and its interrupts are off until the thread has left. */
            atomic { !queueLock -> timeoutQueued = 1; st[ALL] = Waiting }
        fi;
        Unlock(threadLock)
    fi;
    d_step { Unlock(lock[B]); Unlock(lock[A]) }
    if
    :: result[ALL] == None || st[ALL] != Running ->
        busy[ALL] = 0;
end_all: atomic { st[ALL] == Ready -> st[ALL] = Running }
        assert(!busy[ALL] && result[ALL] != None);
        busy[ALL] = 1;
        if
        :: timeoutQueued -> atomic { !queueLock -> timeoutQueued = 0 }
        :: else
        fi;
        CleanUp(A, ALL);
        CleanUp(B, ALL)
    :: else
    fi;
    assert(!LINKED(A, ALL) && !LINKED(B, ALL) && !timeoutQueued);
    ended[ALL] = 1
}

active proctype Any()
{
    Lock(lock[A]);
    Lock(lock[B]);
    if
    :: state[A] -> d_step { Take(A); result[ANY] = Signalled }
    :: !state[A] && state[B] -> d_step { Take(B); result[ANY] = Signalled }
    :: else -> d_step { LINKED(A, ANY) = 1; LINKED(B, ANY) = 1; st[ANY] = Waiting }
    fi;
    d_step { Unlock(lock[B]); Unlock(lock[A]) }
    if
    :: result[ANY] == None || st[ANY] != Running ->
        busy[ANY] = 0;
end_any: atomic { st[ANY] == Ready -> st[ANY] = Running }
        assert(!busy[ANY] && result[ANY] != None);
        busy[ANY] = 1;
        CleanUp(A, ANY);
        CleanUp(B, ANY)
    :: else
    fi;
    assert(!LINKED(A, ANY) && !LINKED(B, ANY));
    ended[ANY] = 1
}

#ifndef SMALL
active proctype One()
{
    Lock(lock[A]);
    if
    :: state[A] -> d_step { Take(A); result[ONE] = Signalled }
    :: else -> d_step { LINKED(A, ONE) = 1; st[ONE] = Waiting }
    fi;
    Unlock(lock[A]);
    if
    :: result[ONE] == None || st[ONE] != Running ->
        busy[ONE] = 0;
end_one: atomic { st[ONE] == Ready -> st[ONE] = Running }
        assert(!busy[ONE] && result[ONE] != None);
        busy[ONE] = 1
    :: else
    fi;
    assert(!LINKED(A, ONE));
    ended[ONE] = 1
}
#endif

/* When nothing moves any more: all who signal have finished, and whoever still waits lacks something. */
init
{
    atomic {
        run Signaller(A);
#ifdef SMALL
        run Signaller(A);
#endif
        run Signaller(B);
        run Timer();
#ifndef SMALL
        if
        :: run Alerter()
        :: done++
        fi
#endif
    }
    timeout;
#ifdef SMALL
    assert(done == 4);
#else
    assert(done == 4);
    assert(ended[ONE] || !state[A]);
#endif
    assert(ended[ALL] || (!rescued && !(state[A] && state[B])));
    assert(ended[ANY] || (!state[A] && !state[B]));
    assert(made[A] == taken[A] + state[A] && made[B] == taken[B] + state[B])
}
