// A question to libvirt with an end, also where libvirt hangs.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <tl/expected.hpp>

#include "adapter/libvirt/host.hpp"

namespace haven::libvirt {

// Runs `ask` on a thread of its own, so that a libvirt that hangs costs the caller its timeout and no more.
template <class T>
tl::expected<T, std::string> within(Duration timeout, std::function<tl::expected<T, std::string>()> ask) {
  static std::atomic<int> asking{0};
  if (asking.fetch_add(1) >= kMaxHanging) {
    --asking;
    return tl::unexpected("libvirt hangs: " + std::to_string(kMaxHanging) + " questions to it are still open");
  }
  auto answer = std::make_shared<std::promise<tl::expected<T, std::string>>>();
  auto result = answer->get_future();
  std::thread([answer, ask = std::move(ask)] {
    answer->set_value(ask());
    --asking;
  }).detach();
  if (result.wait_for(timeout) != std::future_status::ready)
    return tl::unexpected(std::string("libvirt did not answer in time"));
  return result.get();
}

}  // namespace haven::libvirt
