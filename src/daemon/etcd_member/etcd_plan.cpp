#include "daemon/etcd_member/etcd_plan.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <sstream>

#include "adapter/descriptor.hpp"
#include "daemon/etcd_member/member_file.hpp"

namespace haven::daemon {
namespace {

namespace fs = std::filesystem;

// YAML's double quotes read JSON's escapes.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::int64_t in_ms(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

OrWhy<void> can_listen(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return tl::unexpected(address + " is no address; an IP address of this host is wanted");
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  const adapter::Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (socket) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (socket && ::bind(socket.get(), found->ai_addr, found->ai_addrlen) == 0) return {};
  const std::string why = std::strerror(errno);
  return tl::unexpected("the engine cannot listen at " + host_and_port(address, port) + ": " + why);
}

}  // namespace

std::string etcd_config(const EtcdPlan& plan) {
  const bool tls = plan.tls.has_value();
  std::string members;
  for (const auto& [name, peer] : plan.members) members += (members.empty() ? "" : ",") + name + "=" + peer;
  const std::string client = client_url(plan.address, tls);
  const std::string peer = peer_url(plan.address, tls);
  std::ostringstream out;
  out << "# Written by havend at each start of its engine member; changes here are lost.\n"
      << "name: " << quoted(plan.name) << "\n"
      << "data-dir: " << quoted(plan.data_dir) << "\n"
      << "listen-client-urls: " << quoted(client) << "\n"
      << "advertise-client-urls: " << quoted(client) << "\n"
      << "listen-peer-urls: " << quoted(peer) << "\n"
      << "initial-advertise-peer-urls: " << quoted(peer) << "\n"
      << "initial-cluster: " << quoted(members) << "\n"
      << "initial-cluster-token: " << quoted(plan.token) << "\n"
      << "initial-cluster-state: " << (plan.existing ? "existing" : "new") << "\n"
      << "heartbeat-interval: " << in_ms(kEngineHeartbeat) << "\n"
      << "election-timeout: " << in_ms(kEngineElection) << "\n"
      << "pre-vote: true\n"
      << "strict-reconfig-check: true\n"
      << "auto-compaction-mode: periodic\n"
      << "auto-compaction-retention: \"1h\"\n"
      << "quota-backend-bytes: " << kEngineQuotaBytes << "\n"
      << "enable-v2: false\n"
      << "logger: zap\n"
      << "log-level: warn\n"
      << "log-outputs: [stderr]\n";
  if (plan.made_anew) out << "force-new-cluster: true\n";
  if (tls) {
    for (const char* side : {"client", "peer"}) {
      out << side << "-transport-security:\n"
          << "  cert-file: " << quoted(plan.tls->cert) << "\n"
          << "  key-file: " << quoted(plan.tls->key) << "\n"
          << "  client-cert-auth: true\n"
          << "  trusted-ca-file: " << quoted(plan.tls->ca) << "\n";
    }
  }
  return out.str();
}

OrWhy<std::string> find_etcd() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "/usr/sbin:/usr/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string program = folder + "/etcd";
    if (!folder.empty() && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return tl::unexpected(std::string("the program etcd is not installed (Debian: etcd-server)"));
}

OrWhy<void> etcd_can_start(const std::string& state_dir, const std::string& address) {
  if (const auto program = find_etcd(); !program) return tl::unexpected(program.error());
  for (const int port : {kClientPort, kPeerPort}) {
    if (auto can = can_listen(address, port); !can) return can;
  }
  struct statvfs disk {};
  if (::statvfs(state_dir.c_str(), &disk) != 0) return tl::unexpected(state_dir + ": " + std::strerror(errno));
  const auto free = static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
  if (free < kNeededBytes) {
    return tl::unexpected(state_dir + ": the engine needs " + std::to_string(kNeededBytes >> 20) +
                          " MiB of disk, and " + std::to_string(free >> 20) + " MiB are free");
  }
  return {};
}

std::string etcd_folder(const std::string& state_dir) { return state_dir + "/etcd"; }
std::string etcd_config_path(const std::string& state_dir) { return state_dir + "/etcd.yaml"; }
std::string etcd_log_path(const std::string& state_dir) { return state_dir + "/etcd.log"; }

bool has_etcd_data(const std::string& state_dir) {
  std::error_code error;
  return fs::exists(etcd_folder(state_dir) + "/member", error);
}

OrWhy<void> discard_etcd_data(const std::string& state_dir) {
  std::error_code error;
  const fs::path folder = etcd_folder(state_dir);
  const fs::path aside = etcd_folder(state_dir) + ".discarded";
  fs::remove_all(aside, error);
  if (!error && fs::exists(folder)) fs::rename(folder, aside, error);
  if (!error) fs::remove_all(aside, error);
  if (error) return tl::unexpected(folder.string() + ": " + error.message());
  return {};
}

}  // namespace haven::daemon
