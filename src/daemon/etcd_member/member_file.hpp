// What a host keeps about the engine that it has joined, beside its havend.toml: STATE_DIR/member.json. Written as a
// whole and flushed, so that a host that loses its power finds the old one or the new one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/ids.hpp"
#include "daemon/boot.hpp"

namespace haven::daemon {

struct MemberFile {
  std::string cluster;  // the cluster's name; empty: not known before a file is applied
  std::string token;    // tells this engine's members from any other's
  std::string name;     // of this host, or of the witness; its member is called so
  std::string address;  // where its member listens, and others reach it
  bool witness = false;
  std::vector<std::string> endpoints;  // of the voters, as last seen, this host's own first
  std::uint64_t member = 0;            // the id of this host's member; 0: it has none
  Epoch epoch;                         // the highest ever seen (E3)
  std::vector<std::string> heard;      // every host that this one ever knew of (E3)
  friend bool operator==(const MemberFile&, const MemberFile&) = default;
};

[[nodiscard]] std::string member_file_path(const std::string& state_dir);
// nullopt: there is none, this host has joined no engine.
[[nodiscard]] OrWhy<std::optional<MemberFile>> read_member_file(const std::string& state_dir);
[[nodiscard]] OrWhy<void> write_member_file(const std::string& state_dir, const MemberFile& file);

// "http://10.0.0.1:2379", "https://[fd00::1]:2379"
inline constexpr int kClientPort = 2379;
inline constexpr int kPeerPort = 2380;
inline constexpr int kDoorPort = 7420;  // other hosts' havends, unless `listen` says otherwise
[[nodiscard]] std::string host_and_port(const std::string& address, int port);
[[nodiscard]] std::string client_url(const std::string& address, bool tls);
[[nodiscard]] std::string peer_url(const std::string& address, bool tls);

}  // namespace haven::daemon
