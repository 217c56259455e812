#include "daemon/service_manager.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "daemon/fakes.hpp"

namespace haven::daemon {
namespace {

// Listens as the service manager does.
class Manager {
 public:
  Manager() {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ / "notify";
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(socket_);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  // The next message and the descriptor that came with it, -1 for none.
  std::pair<std::string, int> heard() {
    char text[256] = {};
    iovec line{text, sizeof text - 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &line;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (::recvmsg(socket_, &message, MSG_DONTWAIT) < 0) return {"", -1};
    int fd = -1;
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return {text, fd};
  }

 private:
  test::TemporaryFolder folder_;
  int socket_ = -1;
};

TEST(ServiceManager, KeepsADescriptorInPlaceOfTheOneBefore) {
  Manager manager;
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  keep_descriptor("watchdog", pipe[1]);
  EXPECT_EQ(manager.heard(), std::pair(std::string("FDSTOREREMOVE=1\nFDNAME=watchdog"), -1));
  const auto [text, kept] = manager.heard();
  EXPECT_EQ(text, "FDSTORE=1\nFDNAME=watchdog");
  ASSERT_GE(kept, 0);
  EXPECT_EQ(::write(kept, "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(pipe[0], &byte, 1), 1) << "it is the same pipe";
  for (const int fd : {pipe[0], pipe[1], kept}) ::close(fd);
}

TEST(ServiceManager, DropsWhatItKept) {
  Manager manager;
  keep_descriptor("watchdog", -1);
  EXPECT_EQ(manager.heard().first, "FDSTOREREMOVE=1\nFDNAME=watchdog");
  EXPECT_EQ(manager.heard().first, "");
}

TEST(ServiceManager, WithoutOneNothingIsSaid) { keep_descriptor("watchdog", 0); }

TEST(ServiceManager, WhatIsMeantForAnotherProcessIsNotTaken) {
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_FDNAMES", "watchdog", 1);
  EXPECT_EQ(take_kept_descriptor("watchdog"), -1);
  EXPECT_EQ(::getenv("LISTEN_FDS"), nullptr) << "no child is to take it for its own";
}

TEST(ServiceManager, TheKeptOneIsFoundByItsName) {
  // In a process of its own: descriptors 3 and 4 are what systemd would pass.
  const pid_t child = ::fork();
  if (child == 0) {
    const int zero = ::open("/dev/zero", O_RDONLY);
    ::dup2(zero, 13);
    ::dup2(13, 3);
    ::dup2(13, 4);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "2", 1);
    ::setenv("LISTEN_FDNAMES", "other:watchdog", 1);
    const bool right =
        take_kept_descriptor("watchdog") == 4 && (::fcntl(4, F_GETFD) & FD_CLOEXEC) != 0 && ::fcntl(3, F_GETFD) == -1;
    ::_exit(right ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace haven::daemon
