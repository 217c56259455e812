#include "daemon/etcd_member/member_file.hpp"

#include <unistd.h>

#include <charconv>

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

}  // namespace

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
  return replace_file_durably(member_file_path(state_dir),
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
