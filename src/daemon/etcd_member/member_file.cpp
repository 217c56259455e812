#include "daemon/etcd_member/member_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "daemon/json_fields.hpp"

namespace haven::daemon {

// As it is written: the id is larger than JSON's readers count.
struct StoredMember {
  MemberFile file;
  std::string member;
};
template <class Io>
void describe(Io& io, typename Io::template Ref<StoredMember> s) {
  io.field("cluster", s.file.cluster);
  io.field("token", s.file.token);
  io.field("name", s.file.name);
  io.field("address", s.file.address);
  io.field("witness", s.file.witness);
  io.field("endpoints", s.file.endpoints);
  io.field("member", s.member);
  io.field("epoch", s.file.epoch);
  io.field("heard", s.file.heard);
}

namespace {

std::string hex_of(std::uint64_t id) {
  char text[17];
  const auto end = std::to_chars(text, text + sizeof text, id, 16).ptr;
  return {text, end};
}

tl::unexpected<std::string> why(const std::string& path) { return tl::unexpected(path + ": " + std::strerror(errno)); }

bool flush(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::fsync(fd) == 0;
  ::close(fd);
  return done;
}

}  // namespace

OrWhy<void> replace_durably(const std::string& path, const std::string& content, unsigned mode) {
  const std::string next = path + ".new";
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return why(next);
  std::size_t written = 0;
  bool good = ::fchmod(fd, mode) == 0;
  while (good && written < content.size()) {
    const auto n = ::write(fd, content.data() + written, content.size() - written);
    if (n < 0 && errno == EINTR) continue;
    good = n >= 0;
    if (good) written += static_cast<std::size_t>(n);
  }
  good = good && ::fsync(fd) == 0;
  if (!good) {
    auto reason = why(next);
    ::close(fd);
    ::unlink(next.c_str());
    return reason;
  }
  ::close(fd);
  if (::rename(next.c_str(), path.c_str()) < 0) return why(path);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (!flush(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY)) return why(folder);
  return {};
}

std::string member_file_path(const std::string& state_dir) { return state_dir + "/member.json"; }

OrWhy<std::optional<MemberFile>> read_member_file(const std::string& state_dir) {
  const std::string path = member_file_path(state_dir);
  if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  StoredMember stored;
  std::string problem;
  const auto json = codec::Json::parse(*text, nullptr, false);
  codec::Reader reader(json, problem);
  if (problem.empty()) describe(reader, stored);
  reader.finish();
  const char* end = stored.member.data() + stored.member.size();
  const auto [read, fault] = std::from_chars(stored.member.data(), end, stored.file.member, 16);
  if (problem.empty() && (fault != std::errc() || read != end)) problem = "\"member\" is no id";
  if (!problem.empty()) return tl::unexpected(path + ": " + problem);
  return stored.file;
}

OrWhy<void> write_member_file(const std::string& state_dir, const MemberFile& file) {
  return replace_durably(member_file_path(state_dir),
                         codec::Writer::json_of(StoredMember{file, hex_of(file.member)}).dump(2) + "\n");
}

std::string host_and_port(const std::string& address, int port) {
  const bool v6 = address.find(':') != std::string::npos;
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}
std::string client_url(const std::string& address, bool tls) {
  return (tls ? "https://" : "http://") + host_and_port(address, kClientPort);
}
std::string peer_url(const std::string& address, bool tls) {
  return (tls ? "https://" : "http://") + host_and_port(address, kPeerPort);
}

}  // namespace haven::daemon
