// The adapter's other duties under a real libvirtd: what havend asks about its host, and what it leaves behind.
#include "adapter/libvirt/host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/libvirt.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/domain_xml.hpp"
#include "adapter/libvirt/heard.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"
#include "adapter/libvirt/processes.hpp"

namespace haven::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
const std::string kUuid = "cccccccc-0000-4000-8000-000000000001";
const std::string kOtherUuid = "cccccccc-0000-4000-8000-000000000002";
const libvirt::LibvirtConfig kConfig;

class LibvirtHost : public ::testing::Test {
 protected:
  static void define(const char* uri, const std::string& xml, bool autostart) {
    libvirt::Connection connection;
    ASSERT_FALSE(connection.ensure(uri));
    const libvirt::DomainRef domain(virDomainDefineXML(connection.get(), xml.c_str()));
    ASSERT_TRUE(domain) << libvirt::last_error().message;
    ASSERT_EQ(virDomainSetAutostart(domain.get(), autostart ? 1 : 0), 0);
  }
  PrivateLibvirtd libvirtd;
};

TEST_F(LibvirtHost, TellsItsCapacityAndItsUuid) {
  const auto capacity = libvirt::host_capacity(kConfig, 10s);
  ASSERT_TRUE(capacity) << capacity.error();
  EXPECT_EQ(capacity->cpus.count, ::sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_NEAR(static_cast<double>(capacity->memory.count),
              static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * 4096 / (1 << 20), 16);
  EXPECT_EQ(capacity->uuid, "00000000-0000-4000-8000-00000000beef");
}

TEST_F(LibvirtHost, TurnsAutostartOffForBothDriversAndTellsWhereItWasOn) {
  define("qemu:///system", qemu_domain(kUuid, "web1"), true);
  define("lxc:///system", lxc_domain(kOtherUuid, "ct1"), true);
  const std::vector<std::string> uuids{kUuid, kOtherUuid, "cccccccc-0000-4000-8000-000000000003"};
  std::vector<std::string> remembered;
  const auto remember = [&](const std::string& uuid) {
    remembered.push_back(uuid);
    return true;
  };
  const auto first = libvirt::turn_autostart_off(kConfig, uuids, remember, 10s);
  ASSERT_TRUE(first) << first.error();
  EXPECT_THAT(first->turned_off, ElementsAre(kUuid, kOtherUuid));
  EXPECT_THAT(first->names, ElementsAre("web1", "ct1"));
  EXPECT_THAT(first->failures, IsEmpty());
  EXPECT_EQ(remembered, first->turned_off);
  const auto again = libvirt::turn_autostart_off(kConfig, uuids, remember, 10s);
  ASSERT_TRUE(again) << again.error();
  EXPECT_THAT(again->turned_off, IsEmpty());
  EXPECT_EQ(remembered.size(), 2U) << "nothing was on any more";
}

TEST_F(LibvirtHost, LeavesAutostartOnWhereItCannotBeRememberedAndGoesOn) {
  define("qemu:///system", qemu_domain(kUuid, "web1"), true);
  define("lxc:///system", lxc_domain(kOtherUuid, "ct1"), true);
  const auto off = libvirt::turn_autostart_off(
      kConfig, {kUuid, kOtherUuid}, [](const std::string& uuid) { return uuid != kUuid; }, 10s);
  ASSERT_TRUE(off) << off.error();
  EXPECT_THAT(off->turned_off, ElementsAre(kOtherUuid));
  EXPECT_THAT(off->failures, ElementsAre(HasSubstr(kUuid)));
}

TEST_F(LibvirtHost, GivesAutostartBackToWhatRunsHereAndToNothingElse) {
  define("qemu:///system", qemu_domain(kUuid, "web1"), true);
  define("lxc:///system", lxc_domain(kOtherUuid, "ct1"), true);
  const auto yes = [](const std::string&) { return true; };
  ASSERT_TRUE(libvirt::turn_autostart_off(kConfig, {kUuid, kOtherUuid}, yes, 10s));
  // As Haven starts it: from its XML.
  Heard heard;
  libvirt::LibvirtHypervisor hypervisor(kConfig, heard.sink());
  hypervisor.start(CallId{1}, qemu_domain(kUuid, "web1"), 20s);
  ASSERT_TRUE(heard.first<port::CallDone>([](const auto& e) { return e.result == port::CallResult::done; }, 20s));
  const auto failures = libvirt::turn_autostart_on(kConfig, {kUuid, kOtherUuid}, 10s);
  ASSERT_TRUE(failures) << failures.error();
  EXPECT_THAT(*failures, ElementsAre(HasSubstr(kOtherUuid + ": it does not run here")));
  const auto off = libvirt::turn_autostart_off(kConfig, {kUuid, kOtherUuid}, yes, 10s);
  ASSERT_TRUE(off) << off.error();
  EXPECT_THAT(off->turned_off, ElementsAre(kUuid)) << "it alone was on again";
}

TEST_F(LibvirtHost, DescribesADomainSoThatItStartsAnywhereAndKeepsItsSecrets) {
  std::string xml = qemu_domain(kUuid, "web1");
  const std::string end = "<video>";
  xml.insert(xml.find(end), "<graphics type='vnc' passwd='s3cret'/>");
  define("qemu:///system", xml, false);
  const auto described = libvirt::describe_domain(kConfig, "web1", 10s);
  ASSERT_TRUE(described) << described.error();
  EXPECT_THAT(*described, Not(HasSubstr("s3cret")));
  const auto facts = libvirt::parse_domain(*described);
  ASSERT_TRUE(facts) << facts.error();
  EXPECT_EQ(facts->uuid, kUuid);
  const auto container = lxc_domain(kOtherUuid, "ct1");
  define("lxc:///system", container, false);
  EXPECT_TRUE(libvirt::describe_domain(kConfig, "ct1", 10s));
  EXPECT_THAT(libvirt::describe_domain(kConfig, "none", 10s).error(), HasSubstr("none"));
}

TEST_F(LibvirtHost, AHungLibvirtdCostsItsTimeoutAndIsNotAskedForEver) {
  libvirtd.freeze();
  for (int i = 0; i < libvirt::kMaxHanging; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(libvirt::describe_domain(kConfig, "web1", 100ms));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
  }
  EXPECT_THAT(libvirt::describe_domain(kConfig, "web1", 10s).error(), HasSubstr("still open"));
}

TEST_F(LibvirtHost, TheHypervisorEndsInTimeThoughLibvirtHangs) {
  Heard heard;
  auto hypervisor = std::make_unique<libvirt::LibvirtHypervisor>(kConfig, heard.sink());
  hypervisor->inspect(CallId{1}, 10s, {});
  ASSERT_TRUE(heard.first<port::Inspected>([](const auto&) { return true; }, 10s));
  libvirtd.freeze();
  for (std::uint64_t i = 2; i < 30; ++i) hypervisor->inspect(CallId{i}, 10s, {});
  const auto begin = std::chrono::steady_clock::now();
  hypervisor.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  EXPECT_EQ(heard.count<port::Inspected>([](const auto&) { return true; }), 1U);
}

TEST_F(LibvirtHost, AHangThatLastsIsToldAsALossAndItsEndAsTheReturn) {
  Heard heard;
  libvirt::LibvirtHypervisor hypervisor(kConfig, heard.sink());
  hypervisor.inspect(CallId{1}, 10s, {});
  ASSERT_TRUE(heard.first<port::Inspected>([](const auto& seen) { return seen.reached; }, 10s));
  libvirtd.freeze();
  EXPECT_TRUE(heard.first<port::ConnectionLost>([](const auto&) { return true; }, 20s));
  libvirtd.thaw();
  EXPECT_TRUE(heard.first<port::ConnectionBack>([](const auto&) { return true; }, 10s));
  hypervisor.inspect(CallId{2}, 10s, {});
  EXPECT_TRUE(
      heard.first<port::Inspected>([](const auto& seen) { return seen.call == CallId{2} && seen.reached; }, 10s));
}

TEST_F(LibvirtHost, ADriverThatIsNotThereIsNoReasonToFail) {
  Heard heard;
  // No driver of libvirtd has this name.
  libvirt::LibvirtConfig config;
  config.lxc_uri = "vz:///system";
  libvirt::LibvirtHypervisor hypervisor(config, heard.sink());
  hypervisor.start(CallId{1}, qemu_domain(kUuid, "web1"), 20s);
  const auto started = heard.first<port::CallDone>([](const auto&) { return true; }, 20s);
  ASSERT_TRUE(started);
  EXPECT_EQ(started->result, port::CallResult::done) << started->message;
  hypervisor.inspect(CallId{2}, 10s, {});
  const auto seen = heard.first<port::Inspected>([](const auto&) { return true; }, 10s);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->reached);
  EXPECT_EQ(seen->domains.size(), 1U);
  hypervisor.start(CallId{3}, lxc_domain(kOtherUuid, "ct1"), 10s);
  const auto refused = heard.first<port::CallDone>([](const auto& event) { return event.call == CallId{3}; }, 10s);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->result, port::CallResult::failed);
  EXPECT_THAT(refused->message, HasSubstr("LXC"));
  hypervisor.destroy(CallId{4}, kOtherUuid, 10s);
  const auto gone = heard.first<port::CallDone>([](const auto& event) { return event.call == CallId{4}; }, 10s);
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->result, port::CallResult::done) << gone->message;
}

// Libvirt 9.0 may go on to call such a container running, whose controller is dead and whose init lives.
TEST_F(LibvirtHost, AContainerWhoseControllerDiesAtOnceCanStillBeEnded) {
  Heard heard;
  libvirt::LibvirtHypervisor hypervisor(kConfig, heard.sink());
  hypervisor.start(CallId{1}, lxc_domain(kUuid, "ct1"), 20s);
  ASSERT_TRUE(heard.first<port::CallDone>([](const auto& e) { return e.result == port::CallResult::done; }, 20s));
  const auto before = libvirt::find_vm_processes("/proc");
  ASSERT_TRUE(before);
  for (const auto& process : *before)
    if (process.uuid.empty()) ::kill(process.pid, SIGKILL);
  hypervisor.kill(CallId{2}, kUuid, "ct1", 20s);
  hypervisor.destroy(CallId{3}, kUuid, 20s);
  for (const CallId call : {CallId{2}, CallId{3}}) {
    const auto ended = heard.first<port::CallDone>([&](const auto& event) { return event.call == call; }, 30s);
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->result, port::CallResult::done) << ended->message;
  }
  hypervisor.inspect(CallId{4}, 10s, {});
  const auto seen = heard.first<port::Inspected>([](const auto&) { return true; }, 20s);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->reached);
  EXPECT_THAT(seen->domains, IsEmpty());
  EXPECT_THAT(seen->processes, IsEmpty());
}

TEST_F(LibvirtHost, AContainerThatOutlivesItsControllerIsStillSeenAndKilled) {
  Heard heard;
  libvirt::LibvirtHypervisor hypervisor(kConfig, heard.sink());
  hypervisor.start(CallId{1}, lxc_domain(kUuid, "ct1"), 20s);
  ASSERT_TRUE(heard.first<port::CallDone>([](const auto& e) { return e.result == port::CallResult::done; }, 20s));
  ASSERT_TRUE(container_runs(kUuid));
  libvirtd.freeze();  // or it would clear up behind the controller
  const auto before = libvirt::find_vm_processes("/proc");
  ASSERT_TRUE(before);
  ASSERT_EQ(before->size(), 2U) << "the controller, and the container's init";
  const auto controller = std::ranges::find(*before, std::string(), &port::VmProcess::uuid);
  ASSERT_NE(controller, before->end());
  ASSERT_EQ(::kill(controller->pid, SIGKILL), 0);
  hypervisor.kill(CallId{2}, kUuid, "ct1", 10s);
  const auto killed = heard.first<port::CallDone>([](const auto& event) { return event.call == CallId{2}; }, 20s);
  ASSERT_TRUE(killed);
  EXPECT_EQ(killed->result, port::CallResult::done) << killed->message;
  const auto after = libvirt::find_vm_processes("/proc");
  ASSERT_TRUE(after);
  EXPECT_THAT(*after, IsEmpty());
}

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
