// Machine-wide bound on how many lab guests boot at once: two demos on two cores would otherwise starve each other's
// heartbeats. A slot is a lock on a file, so that it ends with whoever holds it.
#pragma once

#include <sys/types.h>

#include <string>

namespace lab {

inline constexpr const char* kSlotFolder = "/run/haven-lab-slots";  // the machine's, in every lab host
inline constexpr int kSlots = 4;
inline constexpr int kSlotWaitMs = 60'000;
inline constexpr int kBootMs = 10'000;  // a guest that has not written to its disk by then gives its slot back too

// A descriptor that holds a slot, closed on exec; -1 if none came free in time or the folder is not there.
int take_slot();

// Holds the slot until the emulator `pid` ends, the guest first writes to `disk` (empty: unknown) or kBootMs pass.
void hold_slot(pid_t pid, const std::string& disk);

}  // namespace lab
