#include "adapter/engine/etcd_members.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <utility>

namespace haven::test {
namespace {

// Of 127.0.0.0/8, one address for each process: members of two tests at once do not meet.
std::string own_address() {
  const auto pid = static_cast<unsigned>(::getpid());
  return "127." + std::to_string(64 + (pid >> 16) % 64) + "." + std::to_string((pid >> 8) % 256) + "." +
         std::to_string(pid % 256);
}

bool free_port(const std::string& address, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &at.sin_addr);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  ::close(fd);
  return bound;
}

std::string next_endpoint() {
  static std::uint16_t port = 20000;
  const auto address = own_address();
  while (!free_port(address, ++port)) {
  }
  return address + ":" + std::to_string(port);
}

}  // namespace

EtcdMembers::EtcdMembers(std::size_t count, std::vector<std::string> options)
    : options_(std::move(options)), dead_(next_endpoint()), aside_(next_endpoint()) {
  for (std::size_t i = 0; i < count; ++i) {
    members_.push_back({"m" + std::to_string(i + 1), next_endpoint(), next_endpoint(), 0});
  }
  for (std::size_t i = 0; i < count; ++i) start(i);
}

EtcdMembers::~EtcdMembers() {
  for (std::size_t i = 0; i < members_.size(); ++i) kill(i);
}

std::vector<std::string> EtcdMembers::endpoints() const {
  std::vector<std::string> all;
  for (const auto& member : members_) all.push_back(member.client);
  return all;
}

void EtcdMembers::start(std::size_t member) { launch(members_[member], members_[member].client); }

void EtcdMembers::start_aside(std::size_t member) { launch(members_[member], aside_); }

void EtcdMembers::launch(Member& member, const std::string& client) {
  std::string cluster;
  for (const auto& m : members_) cluster += (cluster.empty() ? "" : ",") + m.name + "=http://" + m.peer;
  std::vector<std::string> words{"etcd",
                                 "--name=" + member.name,
                                 "--data-dir=" + folder_.file(member.name),
                                 "--listen-client-urls=" + scheme_ + client,
                                 "--advertise-client-urls=" + scheme_ + client,
                                 "--listen-peer-urls=http://" + member.peer,
                                 "--initial-advertise-peer-urls=http://" + member.peer,
                                 "--initial-cluster=" + cluster,
                                 "--heartbeat-interval=50",
                                 "--election-timeout=500",
                                 "--log-level=error"};
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const auto log = folder_.file(member.name + ".log");
  const pid_t parent = ::getpid();
  member.pid = ::fork();
  ASSERT_GE(member.pid, 0);
  if (member.pid > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  const int fd = ::open(log.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0600);
  ::dup2(fd, 1);
  ::dup2(fd, 2);
  ::execvp("etcd", argv.data());
  ::_exit(127);
}

void EtcdMembers::kill(std::size_t member) {
  const auto pid = std::exchange(members_[member].pid, 0);
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "etcd ended by itself; see its log in " << folder_.file("");
}

// Once the last of its threads stands still.
void EtcdMembers::freeze(std::size_t member) {
  ::kill(members_[member].pid, SIGSTOP);
  int status = 0;
  ::waitpid(members_[member].pid, &status, WUNTRACED);
  EXPECT_TRUE(WIFSTOPPED(status));
}
void EtcdMembers::thaw(std::size_t member) { ::kill(members_[member].pid, SIGCONT); }

void EtcdMembers::wipe(std::size_t member) { std::filesystem::remove_all(folder_.file(members_[member].name)); }

void EtcdMembers::serve_tls(std::vector<std::string> options) {
  scheme_ = "https://";
  options_ = std::move(options);
}

}  // namespace haven::test
