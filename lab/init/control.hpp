// How the host's first process is spoken to: one line asked, text answered, over a unix socket.
#pragma once

#include <string>

namespace lab {

inline constexpr const char* kControlSocket = "/run/haven-lab-init.sock";

// A listening, non-blocking socket, or -1.
int open_control();
// Asks the first process of this host; its whole answer, or an empty string if it does not answer in time.
std::string ask(const std::string& line);

}  // namespace lab
