// Hearts that beat over loopback addresses: real sockets, real time. Every wait ends with an event or fails at its
// deadline; how long anything took is nobody's business here.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "adapter/heartbeat/heart.hpp"

namespace haven::adapter {

inline const std::string kOld = std::string(64, 'a') + "\n", kNew = std::string(64, 'b') + "\n";

// What one heart said, for a story to wait upon.
class Ear {
 public:
  void hear(PeersHeard heard) {
    const std::lock_guard lock(mutex_);
    latest_ = std::move(heard);
    for (const auto& peer : latest_.peers) fell_silent_ |= peer.host == watched_ && peer.links == 0;
    changed_.notify_all();
  }
  void alarm(const std::string& key, const std::string& text) {
    const std::lock_guard lock(mutex_);
    alarms_[key] = text;
    changed_.notify_all();
  }
  template <class Predicate>
  bool wait(Predicate predicate) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return predicate(*this); });
  }
  bool wait_peer(const std::string& host, const std::function<bool(const PeerHeard&)>& is) {
    return wait([&](const Ear& ear) {
      for (const auto& peer : ear.latest_.peers)
        if (peer.host == HostName(host)) return is(peer);
      return false;
    });
  }
  [[nodiscard]] bool wait_all(const std::function<bool(const PeersHeard&)>& are) {
    return wait([&](const Ear& ear) { return are(ear.latest_); });
  }
  bool wait_heard(const std::string& host, LinkSet links = 1) {
    return wait_peer(host, [links](const PeerHeard& peer) { return peer.links == links; });
  }
  bool wait_alarm(const std::string& key, bool standing) {
    return wait([&](const Ear& ear) {
      const auto found = ear.alarms_.find(key);
      return found != ear.alarms_.end() && found->second.empty() != standing;
    });
  }
  // Whether this peer falls silent from now on.
  void watch(const std::string& host) {
    const std::lock_guard lock(mutex_);
    watched_ = HostName(host);
    fell_silent_ = false;
  }
  [[nodiscard]] bool fell_silent() {
    const std::lock_guard lock(mutex_);
    return fell_silent_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  PeersHeard latest_;
  std::map<std::string, std::string> alarms_;
  HostName watched_;
  bool fell_silent_ = false;
};

class Hearts : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("haven-heart-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    port_ = static_cast<std::uint16_t>(20'000 + getpid() % 20'000);
    for (int i = 1; i <= 3; ++i) {
      const std::string host = "h" + std::to_string(i);
      // Slow enough for a machine that is busy with other things.
      roster_.roster.members.push_back({HostName(host), 2});
      roster_.links.push_back({"127.77.1." + std::to_string(i), "127.77.2." + std::to_string(i)});
      write_keys(host, kOld);
    }
    roster_.roster.heartbeat = 50ms;
    roster_.roster.suspect = 5s;
  }
  void TearDown() override {
    hearts_.clear();
    std::filesystem::remove_all(folder_);
  }
  std::string key_file(const std::string& host) const { return folder_ / host / "heartbeat.key"; }
  // As an operator would: the whole file at once.
  void write_keys(const std::string& host, const std::string& text) {
    std::filesystem::create_directories(folder_ / host);
    const std::string fresh = key_file(host) + ".new";
    std::ofstream(fresh) << text;
    chmod(fresh.c_str(), 0600);
    std::filesystem::rename(fresh, key_file(host));
  }
  void begin(
      const std::string& host, std::function<Brain()> brain = [] { return Brain{}; }) {
    HeartConfig config{HostName(host), Incarnation("boot-of-" + host), key_file(host), port_};
    Ear& ear = ears_[host];
    hearts_[host] = std::make_unique<Heart>(
        config, Heart::Callbacks{[&ear](PeersHeard heard) { ear.hear(std::move(heard)); }, std::move(brain),
                                 [&ear](const std::string& key, const std::string& text) { ear.alarm(key, text); }});
    hearts_[host]->know(roster_);
  }
  void begin_all() {
    for (const auto* host : {"h1", "h2", "h3"}) begin(host);
  }

  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  HeartRoster roster_;
  std::map<std::string, Ear> ears_;
  std::map<std::string, std::unique_ptr<Heart>> hearts_;
};

}  // namespace haven::adapter
