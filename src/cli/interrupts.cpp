#include "cli/interrupts.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

namespace haven::cli {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

// A signal's handler knows nothing but these.
volatile std::sig_atomic_t counted = 0;
int noted_at = -1;

extern "C" void note_interrupt(int) {
  const int before = errno;
  counted = counted + 1;
  (void)!::write(noted_at, "!", 1);
  errno = before;
}

void answer_with(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (const int signal : kSignals) ::sigaction(signal, &action, nullptr);
  // Who reads what is said may leave without ending it.
  action.sa_handler = handler == SIG_DFL ? SIG_DFL : SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

}  // namespace

Interrupts::Interrupts() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error(std::strerror(errno));
  reading_ = adapter::Descriptor(ends[0]);
  writing_ = adapter::Descriptor(ends[1]);
  noted_at = ends[1];
  counted = 0;
  answer_with(note_interrupt);
}

Interrupts::~Interrupts() { answer_with(SIG_DFL); }

int Interrupts::count() const { return counted; }

int Interrupts::fd() const { return reading_.get(); }

void Interrupts::take() const {
  char bytes[16];
  while (::read(reading_.get(), bytes, sizeof bytes) > 0) continue;
}

void Interrupts::wait(std::chrono::milliseconds time) const {
  pollfd one{reading_.get(), POLLIN, 0};
  if (::poll(&one, 1, static_cast<int>(time.count())) > 0) take();
}

}  // namespace haven::cli
