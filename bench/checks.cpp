// What it costs a host to run the checks of its guests, and how late they are: daemon/check_rounds and the probes of
// adapter/guest as havend has them. The guests are a process of their own: an agent on a unix socket for each, which
// speaks the agent's protocol, and pages on TCP. Of the hypervisor there is nothing but a number.
// usage: checks_bench [GUESTS] [SECONDS]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapter/guest/guest_probes.hpp"
#include "daemon/check_rounds.hpp"

namespace {

using namespace haven;
using adapter::guest::AgentReply;
using Kind = AgentReply::Kind;

constexpr int kPort = 18080;

int unix_socket(const std::string& path, bool listens) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (listens ? SOCK_NONBLOCK : 0), 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const auto* place = reinterpret_cast<const sockaddr*>(&address);
  const int done = listens ? ::bind(fd, place, sizeof address) : ::connect(fd, place, sizeof address);
  if (done != 0 || (listens && ::listen(fd, 64) != 0)) {
    ::close(fd);
    return -1;
  }
  return fd;
}

// The guests: whoever listens accepts, whoever was accepted answers what is said, line by line or as a page.
[[noreturn]] void be_guests(const std::string& folder, int guests) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int poll = ::epoll_create1(0);
  std::vector<bool> is_agent(65536), is_page(65536), listens(65536);
  const auto watch = [&](int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
  };
  const auto add = [&](int fd, bool agent) {
    if (fd < 0) std::_Exit(1);
    listens[static_cast<std::size_t>(fd)] = true;
    is_agent[static_cast<std::size_t>(fd)] = agent;
    watch(fd);
  };
  for (int i = 0; i < guests; ++i) add(unix_socket(folder + "/" + std::to_string(i), true), true);
  const int page = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int yes = 1;
  ::setsockopt(page, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(page, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(page, 1024) != 0)
    std::_Exit(1);
  add(page, false);
  std::ofstream(folder + "/ready");
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nready\n";
  const std::string pong = "{\"return\": {}}\n";
  char buffer[4096];
  epoll_event events[256];
  for (;;) {
    const int count = ::epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < count; ++i) {
      const auto fd = static_cast<std::size_t>(events[i].data.fd);
      if (listens[fd]) {
        const int visitor = ::accept4(events[i].data.fd, nullptr, nullptr, SOCK_NONBLOCK);
        if (visitor < 0) continue;
        is_agent[static_cast<std::size_t>(visitor)] = is_agent[fd];
        listens[static_cast<std::size_t>(visitor)] = false;
        watch(visitor);
        continue;
      }
      const ssize_t got = ::recv(events[i].data.fd, buffer, sizeof buffer, 0);
      const std::string& text = is_agent[fd] ? pong : answer;
      if (got > 0) (void)!::send(events[i].data.fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (got <= 0 || !is_agent[fd]) ::close(events[i].data.fd);
    }
  }
}

// Over a connection of its own, as a libvirt that passes it on would: one line to the agent, one line back.
AgentReply ask_agent(const std::string& path, const std::string& command, Duration patience) {
  const int fd = unix_socket(path, false);
  if (fd < 0) return {Kind::silent, "no agent"};
  timeval limit{};
  limit.tv_sec = std::max<std::int64_t>(1, patience / 1s);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const std::string line = command + "\n";
  std::string reply;
  char buffer[4096];
  if (::send(fd, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size()))
    while (reply.find('\n') == std::string::npos) {
      const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      reply.append(buffer, static_cast<std::size_t>(got));
    }
  ::close(fd);
  if (reply.empty()) return {Kind::silent, "no answer"};
  return {Kind::answered, reply};
}

std::shared_ptr<const Spec> file_of(int guests) {
  auto spec = std::make_shared<Spec>();
  for (int i = 0; i < guests; ++i) {
    Resource resource;
    resource.name = ResourceName("vm" + std::to_string(i));
    resource.uuid = std::to_string(i);
    GuestCheck agent, tcp, http;
    agent.kind = CheckKind::guest_agent;
    tcp.kind = CheckKind::tcp;
    tcp.address = "127.0.0.1";
    tcp.port = kPort;
    http.kind = CheckKind::http;
    http.url = "http://127.0.0.1:" + std::to_string(kPort) + "/";
    http.contains = "ready";
    resource.checks = {agent, tcp, http};
    spec->resources.push_back(std::move(resource));
  }
  return spec;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}
long resident_kib() {
  std::ifstream file("/proc/self/statm");
  long all = 0, resident = 0;
  file >> all >> resident;
  return resident * (::sysconf(_SC_PAGESIZE) / 1024);
}

int measure(const std::string& folder, int guests, int seconds) {
  std::mutex mutex;
  std::vector<double> late_ms;
  std::atomic<int> well{0}, ill{0};
  const long before_kib = resident_kib();
  daemon::CheckRounds rounds(
      1, [&](const HealthSeen& seen) { ++(seen.state == Health::well ? well : ill); },
      [&](Duration late) {
        const std::lock_guard lock(mutex);
        late_ms.push_back(static_cast<double>(late / std::chrono::microseconds(1)) / 1000);
      });
  adapter::guest::GuestProbes probes(
      {[&](auto&, const std::string& uuid, const std::string& command, Duration patience) {
         return ask_agent(folder + "/" + uuid, command, patience);
       },
       [](auto&, const std::string&) { return std::optional<GuestPulse>(GuestPulse{}); },
       [](auto&, const std::string&) { return std::optional<std::string>("127.0.0.1"); }},
      [&](port::GuestChecked checked) { rounds.answered(std::move(checked)); }, [](const port::CallDone&) {});
  rounds.begin(probes);
  const auto spec = file_of(guests);
  rounds.know(spec);
  for (const Resource& resource : spec->resources) rounds.attend({resource.name, 1, Attendance::full});
  std::this_thread::sleep_for(std::chrono::seconds(12));  // every check was asked once
  {
    const std::lock_guard lock(mutex);
    late_ms.clear();
  }
  const double cpu = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  const double used = (cpu_seconds() - cpu) / seconds;
  const long kib = resident_kib() - before_kib;
  rounds.stop();
  std::sort(late_ms.begin(), late_ms.end());
  const auto at = [&](double part) {
    return late_ms.empty() ? -1 : late_ms[static_cast<std::size_t>(part * static_cast<double>(late_ms.size() - 1))];
  };
  std::printf(
      "{\"guests\":%d,\"seconds\":%d,\"checks_a_second\":%.1f,\"core_percent\":%.2f,\"resident_kib\":%ld,"
      "\"late_ms\":{\"p50\":%.2f,\"p99\":%.2f,\"most\":%.2f},\"well\":%d,\"ill\":%d}\n",
      guests, seconds, static_cast<double>(late_ms.size()) / seconds, used * 100, kib, at(0.5), at(0.99), at(1),
      well.load(), ill.load());
  return well == guests && ill == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const int guests = argc > 1 ? std::atoi(argv[1]) : 1000;
  const int seconds = argc > 2 ? std::atoi(argv[2]) : 60;
  if (guests < 1 || guests > 10'000 || seconds < 1 || seconds > 3600) {
    std::fprintf(stderr, "usage: checks_bench [GUESTS from 1 to 10000] [SECONDS from 1 to 3600]\n");
    return 2;
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 60'000);
  ::setrlimit(RLIMIT_NOFILE, &files);
  std::string folder = (std::filesystem::temp_directory_path() / "haven-checks-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  const pid_t child = ::fork();
  if (child == 0) be_guests(folder, guests);
  for (int i = 0; i < 100 && !std::filesystem::exists(folder + "/ready"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const int result = measure(folder, guests, seconds);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  std::filesystem::remove_all(folder);
  return result;
}
