// The guest's web page: one line of text that names the guest, its boot and its sequence number.
#pragma once

#include <string>

namespace lab {

// A listening TCP socket on every address, or -1.
int listen_on(int port);
// Accepts and answers everything that waits on `listener`. A client gets kClientPatience to send and to read.
void answer(int listener, const std::string& text);

}  // namespace lab
