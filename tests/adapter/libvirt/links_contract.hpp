// What port::Hypervisor says of network links, tried: on the simulation and on a real libvirtd.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "adapter/libvirt/heard.hpp"
#include "port/hypervisor.hpp"

namespace haven::testing {

class LinksBench {
 public:
  virtual ~LinksBench() = default;
  virtual port::Hypervisor& hypervisor() = 0;
  virtual Heard& heard() = 0;
  // A domain with network links, up or down from its start on.
  virtual std::string domain(const std::string& uuid, const std::string& name, bool linked) = 0;
  virtual void kill_libvirt() = 0;
  virtual void start_libvirt() = 0;
};

struct NamedLinksBench {
  std::string name;
  std::function<std::unique_ptr<LinksBench>()> make;
};
inline void PrintTo(const NamedLinksBench& bench, std::ostream* out) { *out << bench.name; }

class LinksContract : public ::testing::TestWithParam<NamedLinksBench> {
 protected:
  static constexpr Duration kPatience = 20s;
  const std::string uuid = "aaaaaaaa-0000-4000-8000-000000000031";

  void SetUp() override { bench = GetParam().make(); }

  port::CallDone answer(CallId call) {
    const auto done =
        bench->heard().first<port::CallDone>([&](const auto& event) { return event.call == call; }, kPatience);
    EXPECT_TRUE(done);
    return done.value_or(port::CallDone{call, port::CallResult::unknown, "not answered"});
  }
  void start(bool linked) {
    const CallId call{++last_call};
    bench->hypervisor().start(call, bench->domain(uuid, "web1", linked), kPatience);
    const auto done = answer(call);
    ASSERT_EQ(done.result, port::CallResult::done) << done.message;
  }
  port::CallDone set_links(bool up) {
    const CallId call{++last_call};
    bench->hypervisor().set_links(call, uuid, up, kPatience);
    return answer(call);
  }
  std::optional<bool> linked(bool asked = true) {
    const CallId call{++last_call};
    bench->hypervisor().inspect(call, kPatience, asked ? std::vector{uuid} : std::vector<std::string>{});
    const auto seen =
        bench->heard().first<port::Inspected>([&](const auto& event) { return event.call == call; }, kPatience);
    EXPECT_TRUE(seen && seen->reached && seen->domains.size() == 1U);
    return seen && !seen->domains.empty() ? seen->domains.front().linked : std::nullopt;
  }

  std::unique_ptr<LinksBench> bench;
  std::uint64_t last_call = 0;
};

TEST_P(LinksContract, AreAsTheXmlSaysFromTheStartOn) {
  start(false);
  EXPECT_EQ(linked(), false);
}

TEST_P(LinksContract, AreUpWhereTheXmlSaysNothing) {
  start(true);
  EXPECT_EQ(linked(), true);
  EXPECT_EQ(linked(false), std::nullopt) << "nobody asked";
}

TEST_P(LinksContract, GoDownAndUpWhileItRuns) {
  start(true);
  for (const bool up : {false, true, true, false}) {
    const auto done = set_links(up);
    EXPECT_EQ(done.result, port::CallResult::done) << done.message;
    EXPECT_EQ(linked(), up);
  }
}

TEST_P(LinksContract, StayAsTheyAreWhileLibvirtIsGone) {
  start(true);
  ASSERT_EQ(set_links(false).result, port::CallResult::done);
  bench->kill_libvirt();
  bench->start_libvirt();
  EXPECT_TRUE(bench->heard().first<port::ConnectionBack>([](const auto&) { return true; }, kPatience));
  EXPECT_EQ(linked(), false);
}

TEST_P(LinksContract, OfWhatIsAbsentCannotBeChanged) { EXPECT_EQ(set_links(false).result, port::CallResult::failed); }

}  // namespace haven::testing
