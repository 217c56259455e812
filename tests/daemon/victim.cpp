// A havend for the test that kills it: runs in the folder it is given until it is asked to end.
#include <signal.h>

#include <cstdio>
#include <cstdlib>

#include "daemon/daemon.hpp"

namespace {
haven::daemon::Runtime* the_runtime = nullptr;
void end(int) { the_runtime->ask_shutdown(haven::ShutdownKind::restart); }
}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  haven::test::Daemon daemon(argv[1], [](const std::string& why) {
    std::fprintf(stderr, "dies: %s\n", why.c_str());
    std::_Exit(1);
  });
  the_runtime = daemon.runtime.get();
  ::signal(SIGTERM, end);
  daemon.runtime->run();
  return 0;
}
