// Guests held to a part of the CPUs, on a real libvirtd that has the kernel's cpu controller: what libvirt says of it,
// and what stands in the guest's control groups.
#include "adapter/libvirt/caps.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/heard.hpp"
#include "adapter/libvirt/hypervisor.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"

namespace haven::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Duration kPatience = 30s;
const std::string kUuid = "aaaaaaaa-0000-4000-8000-000000000021";

// Version 1: the period and the quota; version 2: both in one file. Nothing: there is no limit.
std::vector<std::int64_t> quotas_under(const std::string& name) {
  std::vector<std::int64_t> quotas;
  for (const auto& entry :
       fs::recursive_directory_iterator("/sys/fs/cgroup", fs::directory_options::skip_permission_denied)) {
    const std::string file = entry.path().filename();
    if (entry.path().string().find(name) == std::string::npos || (file != "cpu.cfs_quota_us" && file != "cpu.max"))
      continue;
    std::string word;
    std::ifstream(entry.path()) >> word;
    if (word != "-1" && word != "max" && !word.empty()) quotas.push_back(std::stoll(word));
  }
  std::ranges::sort(quotas);
  return quotas;
}

struct Kind {
  std::string name;
  std::string (*domain)(const std::string& uuid, const std::string& name);
  std::string uri;
  port::Driver driver;
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class Caps : public ::testing::TestWithParam<Kind> {
 protected:
  Caps() { start(); }
  void start() {
    const CallId call = next();
    hypervisor_.start(call, GetParam().domain(kUuid, kName), kPatience);
    const auto done = answer(call);
    EXPECT_EQ(done.result, port::CallResult::done) << done.message;
    if (GetParam().driver == port::Driver::lxc) {
      EXPECT_TRUE(container_runs(kUuid));
    }
  }
  CallId next() { return CallId{++last_call_}; }
  port::CallDone answer(CallId call) {
    const auto done = heard_.first<port::CallDone>([&](const auto& event) { return event.call == call; }, kPatience);
    EXPECT_TRUE(done);
    return done.value_or(port::CallDone{call, port::CallResult::unknown, "not answered"});
  }
  port::CallDone cap(std::optional<MilliCpu> cap) {
    const CallId call = next();
    hypervisor_.cap(call, kUuid, cap, kPatience);
    return answer(call);
  }
  std::optional<MilliCpu> seen(port::Hypervisor& by, Heard& heard) {
    const CallId call = next();
    by.inspect(call, kPatience, {});
    const auto seen = heard.first<port::Inspected>([&](const auto& event) { return event.call == call; }, kPatience);
    EXPECT_TRUE(seen && seen->reached && seen->domains.size() == 1);
    return seen && !seen->domains.empty() ? seen->domains.front().cap : std::nullopt;
  }
  std::optional<MilliCpu> seen() { return seen(hypervisor_, heard_); }
  // By somebody else, through libvirt.
  bool with_domain(const std::function<bool(virDomainPtr)>& deed) {
    libvirt::Connection connection;
    if (connection.ensure(GetParam().uri)) return false;
    const libvirt::DomainRef domain(virDomainLookupByUUIDString(connection.get(), kUuid.c_str()));
    return domain && deed(domain.get());
  }
  bool set_by_hand(long long quota) {
    return with_domain([quota](virDomainPtr domain) {
      virTypedParameterPtr list = nullptr;
      int count = 0, room = 0;
      virTypedParamsAddLLong(&list, &count, &room, VIR_DOMAIN_SCHEDULER_VCPU_QUOTA, quota);
      const bool done = virDomainSetSchedulerParametersFlags(domain, list, count, VIR_DOMAIN_AFFECT_LIVE) == 0;
      virTypedParamsFree(list, count);
      return done;
    });
  }
  std::string xml() {
    std::string text;
    EXPECT_TRUE(with_domain([&](virDomainPtr domain) {
      char* described = virDomainGetXMLDesc(domain, 0);
      if (described != nullptr) text = described;
      std::free(described);
      return described != nullptr;
    }));
    return text;
  }

  // One for each test: the groups of a guest outlive a libvirtd that is killed.
  static inline int guests = 0;
  const std::string kName = "hog" + std::to_string(++guests) + "x";
  PrivateLibvirtd libvirtd_{CpuController::used};
  Heard heard_;
  libvirt::LibvirtHypervisor hypervisor_{{}, heard_.sink()};
  std::uint64_t last_call_ = 0;
};

TEST_P(Caps, StandInTheControlGroupUntilTheyAreTakenOff) {
  EXPECT_EQ(seen(), std::nullopt);
  EXPECT_THAT(quotas_under(kName), IsEmpty());
  const auto done = cap(MilliCpu{250});
  ASSERT_EQ(done.result, port::CallResult::done) << done.message;
  EXPECT_EQ(quotas_under(kName), std::vector<std::int64_t>{25'000}) << "of each 100000 us";
  EXPECT_EQ(seen(), MilliCpu{250});
  EXPECT_EQ(cap(MilliCpu{500}).result, port::CallResult::done);
  EXPECT_EQ(quotas_under(kName), std::vector<std::int64_t>{50'000});
  EXPECT_EQ(seen(), MilliCpu{500});
  EXPECT_EQ(cap(std::nullopt).result, port::CallResult::done);
  EXPECT_THAT(quotas_under(kName), IsEmpty());
  EXPECT_EQ(seen(), std::nullopt);
  EXPECT_THAT(xml(), ::testing::Not(HasSubstr("urn:haven")));
}

TEST_P(Caps, AnotherHavendKnowsThemAndTakesThemOff) {
  ASSERT_EQ(cap(MilliCpu{300}).result, port::CallResult::done);
  Heard heard;
  libvirt::LibvirtHypervisor another{{}, heard.sink()};
  EXPECT_EQ(seen(another, heard), MilliCpu{300});
  const CallId call = next();
  another.cap(call, kUuid, std::nullopt, kPatience);
  ASSERT_TRUE(heard.first<port::CallDone>([&](const auto& event) { return event.call == call; }, kPatience));
  EXPECT_THAT(quotas_under(kName), IsEmpty());
}

TEST_P(Caps, SurviveLibvirtd) {
  ASSERT_EQ(cap(MilliCpu{300}).result, port::CallResult::done);
  libvirtd_.kill();
  libvirtd_.start();
  EXPECT_EQ(quotas_under(kName), std::vector<std::int64_t>{30'000});
  EXPECT_EQ(seen(), MilliCpu{300});
}

TEST_P(Caps, AnotherOnesLimitIsLeftAlone) {
  ASSERT_TRUE(set_by_hand(40'000));
  const auto refused = cap(MilliCpu{250});
  EXPECT_EQ(refused.result, port::CallResult::failed);
  EXPECT_THAT(refused.message, HasSubstr("a limit of its own (vcpu_quota 40000)"));
  EXPECT_EQ(cap(std::nullopt).result, port::CallResult::done);
  EXPECT_EQ(quotas_under(kName), std::vector<std::int64_t>{40'000});
  EXPECT_EQ(seen(), std::nullopt);
}

TEST_P(Caps, WhatSomebodyElseDidToThemIsSeen) {
  ASSERT_EQ(cap(MilliCpu{250}).result, port::CallResult::done);
  ASSERT_EQ(seen(), MilliCpu{250});
  ASSERT_TRUE(set_by_hand(-1));
  EXPECT_EQ(seen(), MilliCpu{0}) << "it is meant to be held, and is not";
  EXPECT_EQ(cap(MilliCpu{250}).result, port::CallResult::done);
  EXPECT_EQ(seen(), MilliCpu{250});
}

TEST_P(Caps, GoWithTheProcess) {
  ASSERT_EQ(cap(MilliCpu{250}).result, port::CallResult::done);
  ASSERT_EQ(seen(), MilliCpu{250});
  const CallId call = next();
  hypervisor_.destroy(call, kUuid, kPatience);
  ASSERT_EQ(answer(call).result, port::CallResult::done);
  start();
  EXPECT_EQ(seen(), std::nullopt);
  EXPECT_THAT(quotas_under(kName), IsEmpty());
}

TEST_P(Caps, DisarmTakesAllOfThemOff) {
  ASSERT_EQ(cap(MilliCpu{250}).result, port::CallResult::done);
  const auto failures = libvirt::take_caps_off({}, kPatience);
  ASSERT_TRUE(failures) << failures.error();
  EXPECT_THAT(*failures, IsEmpty());
  EXPECT_THAT(quotas_under(kName), IsEmpty());
}

TEST_P(Caps, OfWhatIsAbsentTheyFail) {
  const CallId call = next();
  hypervisor_.cap(call, "aaaaaaaa-0000-4000-8000-0000000000ff", MilliCpu{250}, kPatience);
  EXPECT_EQ(answer(call).result, port::CallResult::failed);
}

INSTANTIATE_TEST_SUITE_P(Every, Caps,
                         ::testing::Values(Kind{"Qemu", qemu_domain, "qemu:///system", port::Driver::qemu},
                                           Kind{"Lxc", lxc_domain, "lxc:///system", port::Driver::lxc}),
                         [](const auto& info) { return info.param.name; });

TEST(Quota, IsThePartOfEachPeriodThatOneVcpuMayHave) {
  EXPECT_EQ(libvirt::quota_of(MilliCpu{2666}, Vcpu{8}, port::Driver::qemu), 33'325);
  EXPECT_EQ(libvirt::quota_of(MilliCpu{2666}, Vcpu{8}, port::Driver::lxc), 266'600) << "a container's is all of it";
  EXPECT_EQ(libvirt::quota_of(MilliCpu{1}, Vcpu{64}, port::Driver::qemu), 1000) << "libvirt takes no less";
}

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
