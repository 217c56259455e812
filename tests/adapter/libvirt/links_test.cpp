// Network links on a real libvirtd: the contract, and what stands in libvirt's own XML.
#include <libvirt/libvirt.h>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/domain_links.hpp"
#include "adapter/libvirt/hypervisor.hpp"
#include "adapter/libvirt/links_contract.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"

namespace haven::testing {
namespace {

// Two interfaces, so that one alone is not enough.
std::string with_interfaces(const std::string& uuid, const std::string& name) {
  std::string xml = qemu_domain(uuid, name);
  const std::string card = "<interface type='user'><model type='virtio'/></interface>";
  return xml.insert(xml.find("</devices>"), card + card);
}

class LibvirtLinksBench final : public LinksBench {
 public:
  port::Hypervisor& hypervisor() override { return hypervisor_; }
  Heard& heard() override { return heard_; }
  std::string domain(const std::string& uuid, const std::string& name, bool linked) override {
    const std::string xml = with_interfaces(uuid, name);
    return linked ? xml : libvirt::with_links_down(xml).value();
  }
  void kill_libvirt() override { libvirtd_.kill(); }
  void start_libvirt() override { libvirtd_.start(); }

 private:
  PrivateLibvirtd libvirtd_;
  Heard heard_;
  libvirt::LibvirtHypervisor hypervisor_{libvirt::LibvirtConfig{}, heard_.sink()};
};

INSTANTIATE_TEST_SUITE_P(Every, LinksContract,
                         ::testing::Values(NamedLinksBench{"Qemu",
                                                           [] { return std::make_unique<LibvirtLinksBench>(); }}),
                         [](const auto& info) { return info.param.name; });

TEST(Links, OneThatIsUpIsEnoughToBeLinked) {
  LibvirtLinksBench bench;
  const std::string uuid = "aaaaaaaa-0000-4000-8000-000000000032";
  bench.hypervisor().start(CallId{1}, bench.domain(uuid, "web2", false), 20s);
  ASSERT_TRUE(bench.heard().first<port::CallDone>([](const auto&) { return true; }, 20s));
  libvirt::Connection connection;
  ASSERT_FALSE(connection.ensure("qemu:///system"));
  const libvirt::DomainRef domain(virDomainLookupByUUIDString(connection.get(), uuid.c_str()));
  ASSERT_TRUE(domain);
  char* text = virDomainGetXMLDesc(domain.get(), 0);
  ASSERT_NE(text, nullptr);
  const auto interfaces = libvirt::interfaces_with_link(text, true);
  std::free(text);
  ASSERT_TRUE(interfaces);
  ASSERT_EQ(interfaces->size(), 2U);
  ASSERT_EQ(virDomainUpdateDeviceFlags(domain.get(), interfaces->front().c_str(), VIR_DOMAIN_AFFECT_LIVE), 0);
  bench.hypervisor().inspect(CallId{2}, 20s, {uuid});
  const auto seen = bench.heard().first<port::Inspected>([](const auto&) { return true; }, 20s);
  ASSERT_TRUE(seen && seen->domains.size() == 1U);
  EXPECT_EQ(seen->domains.front().linked, true);
}

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
