// The guest's web page: one line of text that names the guest, its boot and its sequence number.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace lab {

// A listening TCP socket on every address, or -1.
int listen_on(int port);
// Accepts and answers everything that waits on `listener`, and tells which path each asked for. A client gets
// kClientPatience to send and to read.
void answer(int listener, const std::string& text, const std::function<void(std::string_view)>& asked);

}  // namespace lab
