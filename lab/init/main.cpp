// haven-lab-init CONFIG: the first process of a lab host. haven-lab-init ctl VERB [NAME]: speaks to it.
#include <sys/reboot.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "config.hpp"
#include "control.hpp"
#include "host.hpp"

namespace {

int control(int count, char** words) {
  std::string line;
  for (int i = 2; i < count; ++i) line += std::string(i > 2 ? " " : "") + words[i];
  const std::string answer = lab::ask(line);
  std::fputs(answer.empty() ? "no answer\n" : answer.c_str(), stdout);
  return answer.empty() || answer.rfind("no service", 0) == 0 || answer.rfind("verbs:", 0) == 0 ? 1 : 0;
}

}  // namespace

int main(int count, char** words) {
  if (count >= 3 && std::string(words[1]) == "ctl") return control(count, words);
  if (count != 2) {
    std::fputs("usage: haven-lab-init CONFIG | haven-lab-init ctl list|start|stop|kill [NAME]\n", stderr);
    return 2;
  }
  const auto services = lab::read_services(words[1]);
  if (!services) {
    std::fprintf(stderr, "haven-lab-init: %s\n", services.error().c_str());
    return 2;
  }
  const lab::Ending ending = lab::Host(*services).run();
  // In a process namespace this ends its first process, and tells the parent by which signal.
  if (getpid() == 1) reboot(ending == lab::Ending::reboot ? RB_AUTOBOOT : RB_POWER_OFF);
  return 0;
}
