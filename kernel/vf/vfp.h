/* vfp.h - what the verifier's sources share: the numbers of the rules, parameter 1 of stop 0xC4. */
#pragma once

enum {
    VF_RAISE_TO_LOWER = 0x30, VF_LOWER_TO_HIGHER = 0x31,
    VF_RELEASE_NOT_AT_DISPATCH = 0x32,
    VF_ACQUIRE_BELOW_DISPATCH = 0x40, VF_RELEASE_BELOW_DISPATCH = 0x41, VF_ACQUIRE_ABOVE_DISPATCH = 0x42,
    VF_SELF_DEADLOCK = 0x1000, VF_NOT_HELD = 0x1007
};
