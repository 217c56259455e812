#include "adapter/heartbeat/resolver.hpp"

#include <chrono>
#include <utility>

namespace haven::adapter {
namespace {

constexpr std::chrono::seconds kResolveAgain{5};

}  // namespace

Resolver::Resolver(std::uint16_t port, Found found)
    : port_(port), found_(std::move(found)), thread_([this] { serve(); }) {}

Resolver::~Resolver() {
  {
    const std::lock_guard lock(mutex_);
    ending_.store(true);
    changed_.notify_all();
  }
  thread_.join();
}

void Resolver::want(HeartRoster roster) {
  const std::lock_guard lock(mutex_);
  wanted_ = std::move(roster);
  fresh_ = true;
  changed_.notify_all();
}

void Resolver::serve() {
  std::unique_lock lock(mutex_);
  bool whole = true;
  while (!ending_.load()) {
    const auto news = [this] { return fresh_ || ending_.load(); };
    if (whole)
      changed_.wait(lock, news);
    else
      changed_.wait_for(lock, kResolveAgain, news);
    if (ending_.load()) return;
    fresh_ = false;
    const HeartRoster roster = wanted_;
    lock.unlock();
    Addresses addresses;
    whole = true;
    for (const auto& member : roster.links) {
      if (ending_.load()) return;
      auto& links = addresses.emplace_back();
      for (const auto& link : member) {
        links.push_back(resolve(link, port_));
        whole = whole && links.back();
      }
    }
    found_(roster, std::move(addresses));
    lock.lock();
  }
}

}  // namespace haven::adapter
