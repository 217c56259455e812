// Where havend and the hook meet. Fixed when built (HAVEN_RUN_DIR, HAVEN_STATE_DIR): libvirtd gives a hook neither
// arguments nor an environment of the operator's, and a gate must not depend on a file that may be missing.
#pragma once

namespace haven::hook {

inline constexpr const char* kSocket = HAVEN_RUN_DIR "/hook.sock";
inline constexpr const char* kProtectedThisBoot = HAVEN_RUN_DIR "/protected";
inline constexpr const char* kProtectedForGood = HAVEN_STATE_DIR "/protected";

}  // namespace haven::hook
