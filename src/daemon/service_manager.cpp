#include "daemon/service_manager.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "adapter/descriptor.hpp"

namespace haven::daemon {
namespace {

constexpr int kFirstDescriptor = 3;  // SD_LISTEN_FDS_START

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int number(const std::string& text) {
  int value = -1;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  return fault == std::errc() && end == text.data() + text.size() ? value : -1;
}

void notify(const std::string& text, int fd) {
  const std::string path = variable("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const adapter::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  iovec line{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  message.msg_iov = &line;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  (void)::sendmsg(socket.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

int take_kept_descriptor(const std::string& name) {
  const int count = number(variable("LISTEN_FDS"));
  const bool ours = number(variable("LISTEN_PID")) == ::getpid();
  const std::string names = variable("LISTEN_FDNAMES");
  for (const char* spent : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) ::unsetenv(spent);
  int found = -1;
  std::size_t begin = 0;
  for (int i = 0; ours && i < count; ++i) {
    const std::size_t end = std::min(names.find(':', begin), names.size());
    const int fd = kFirstDescriptor + i;
    if (names.compare(begin, end - begin, name) == 0 && found < 0) {
      ::fcntl(fd, F_SETFD, FD_CLOEXEC);
      found = fd;
    } else {
      ::close(fd);
    }
    begin = std::min(end + 1, names.size());
  }
  return found;
}

void keep_descriptor(const std::string& name, int fd) {
  // What stands there already is dropped first: names need not be unique.
  notify("FDSTOREREMOVE=1\nFDNAME=" + name, -1);
  if (fd >= 0) notify("FDSTORE=1\nFDNAME=" + name, fd);
}

}  // namespace haven::daemon
