// From a havend's alarm to the program that pages somebody.
#include "daemon/alarm_watch.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <nlohmann/json.hpp>

#include "daemon/cluster_text.hpp"
#include "daemon/daemon.hpp"
#include "daemon/process.hpp"

namespace haven::test {
namespace {

using Json = nlohmann::json;

TEST(AlarmWatch, WhatHurtsIsToldAndItsEndIsToldAndBothAreJournaled) {
  const TemporaryFolder folder;
  write_text(folder / "web1.xml", domain_xml(1));
  write_text(folder / "cluster.toml", kOneHost + vm(1));
  RunningDaemon havend(folder.path());
  havend.alarms.on_change([&](auto sentences) { havend.mailbox().post(HostProblems{std::move(sentences)}); });
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Json> told;
  std::vector<std::unique_ptr<daemon::AlarmCourier>> couriers;
  couriers.push_back(std::make_unique<daemon::AlarmCourier>(
      [&](const std::string& json) -> tl::expected<void, std::string> {
        const std::lock_guard lock(mutex);
        told.push_back(Json::parse(json));
        changed.notify_all();
        return {};
      },
      "h1", 1h, [](const std::string&) {}, 100ms));
  const daemon::AlarmWatch watch(*havend.runtime, havend.alarms, HostName("h1"), std::move(couriers));
  ASSERT_EQ(
      Process({HAVEN_CLI, "--socket", havend.socket(), "apply", folder / "cluster.toml", "--yes"}).finish().exit_code,
      0);
  const auto wait_for = [&](const std::string& event, const std::string& key) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 40s, [&] {
      return std::any_of(told.begin(), told.end(),
                         [&](const Json& json) { return json["event"] == event && json["key"] == key; });
    });
  };
  havend.alarms.set("disk", "no disk");
  EXPECT_TRUE(wait_for("raised", "host/h1/no disk"));
  // Before its end, and by everybody's status, not by this host's own list alone.
  const auto status = [&] { return Json::parse(havend.service->status().body)["data"]["alarms"]; };
  EXPECT_EQ(status().size(), 1U);
  const auto journaled = [&](const std::string& kind) {
    const auto deadline = std::chrono::steady_clock::now() + 40s;
    std::uint64_t news = 0;
    while (std::chrono::steady_clock::now() < deadline) {
      const Json entries = Json::parse(havend.service->journal({}).body)["data"]["entries"];
      for (const Json& entry : entries)
        if (entry["kind"] == kind && entry["level"] == "host/h1/no disk") return true;
      news = havend.runtime->wait_news(news, 1s);
    }
    return false;
  };
  EXPECT_TRUE(journaled("alarm"));
  havend.alarms.set("disk", "");
  EXPECT_TRUE(wait_for("cleared", "host/h1/no disk"));
  EXPECT_TRUE(journaled("cleared"));
  EXPECT_TRUE(status().empty());
  const std::lock_guard lock(mutex);
  EXPECT_EQ(std::count_if(told.begin(), told.end(), [](const Json& json) { return json["event"] == "raised"; }), 1);
}

}  // namespace
}  // namespace haven::test
