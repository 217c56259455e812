#include "host.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <sstream>

#include "control.hpp"

namespace lab {
namespace {

constexpr timeval kClientPatience{0, 100'000};

int open_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGPWR, SIGINT}) sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace

Host::Host(const std::vector<ServiceConfig>& configs) : signals_(open_signals()), control_(open_control()) {
  for (const ServiceConfig& config : configs) services_.emplace_back(config);
}

Ending Host::run() {
  for (Service& service : services_) service.start(Clock::now());
  while (true) {
    const Clock::time_point now = Clock::now();
    keep_promises(now);
    if (ending_ != Ending::none) {
      go_on_ending(now);
      const bool over = std::none_of(services_.begin(), services_.end(), [](const Service& s) { return s.running(); });
      if (over) return ending_;
    }
    pollfd waits[] = {{signals_, POLLIN, 0}, {control_, POLLIN, 0}};
    if (poll(waits, 2, patience_ms(Clock::now())) <= 0) continue;
    if (waits[0].revents != 0) read_signals();
    if (waits[1].revents != 0) serve_control();
  }
}

void Host::read_signals() {
  for (signalfd_siginfo info; read(signals_, &info, sizeof info) == sizeof info;) {
    if (info.ssi_signo == SIGPWR) ending_ = Ending::power_off;
    if (info.ssi_signo == SIGINT) ending_ = Ending::reboot;
  }
  reap();
}

void Host::reap() {
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    for (Service& service : services_) {
      if (service.pid() == pid) service.ended(status, Clock::now());
    }
  }
}

void Host::keep_promises(Clock::time_point now) {
  for (Service& service : services_) {
    if (service.overdue() && *service.overdue() <= now) service.kill();
    if (ending_ == Ending::none && service.due() && *service.due() <= now) service.start(now);
  }
}

// The last one still running is told to stop; the one before it only once that is gone.
void Host::go_on_ending(Clock::time_point now) {
  for (auto service = services_.rbegin(); service != services_.rend(); ++service) {
    if (!service->running()) continue;
    if (!service->overdue()) service->stop(now);
    return;
  }
}

int Host::patience_ms(Clock::time_point now) const {
  std::optional<Clock::time_point> next;
  for (const Service& service : services_) {
    for (const auto& moment : {service.due(), service.overdue()}) {
      if (moment && (!next || *moment < *next)) next = moment;
    }
  }
  if (!next) return -1;
  const auto left = std::chrono::ceil<Milliseconds>(*next - now);
  return static_cast<int>(std::max(left, Milliseconds{0}).count());
}

void Host::serve_control() {
  const int client = accept4(control_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &kClientPatience, sizeof kClientPatience);
  char line[256];
  const ssize_t bytes = recv(client, line, sizeof line, 0);
  const std::string answer = obey(std::string(line, std::max<ssize_t>(bytes, 0)));
  send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
  close(client);
}

Service* Host::find(const std::string& name) {
  const auto found = std::find_if(services_.begin(), services_.end(),
                                  [&](const Service& service) { return service.config().name == name; });
  return found == services_.end() ? nullptr : &*found;
}

std::string Host::obey(const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  std::string name;
  words >> verb >> name;
  std::ostringstream answer;
  if (verb == "list") {
    for (const Service& service : services_) {
      answer << service.config().name << ' ' << service.pid() << ' ' << service.restarts() << '\n';
    }
    return answer.str();
  }
  Service* service = find(name);
  if (service == nullptr) return "no service \"" + name + "\"\n";
  if (verb == "start") {
    service->start(Clock::now());
  } else if (verb == "stop") {
    service->stop(Clock::now());
  } else if (verb == "kill") {
    service->kill();
  } else {
    return "verbs: list, start NAME, stop NAME, kill NAME\n";
  }
  return "ok\n";
}

}  // namespace lab
