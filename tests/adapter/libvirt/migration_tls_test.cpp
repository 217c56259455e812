// Migration between two real libvirtds by TLS, both what the daemons say to each other and what QEMU sends; and what
// becomes of it where a certificate is missing, is another authority's or another host's: named, and the guest unhurt.
#include <gmock/gmock.h>

#include "adapter/libvirt/libvirt_migration_bench.hpp"

namespace haven::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

// Made once: the machine is slow, and none of the tests changes them.
const Authority& ours() {
  static const Authority authority("Haven's test");
  return authority;
}
const Authority& another() {
  static const Authority authority("somebody else");
  return authority;
}

Part part_of(const Authority& authority, const std::string& host, const std::string& address) {
  return {authority.certificate(), authority.issue(host, address)};
}

TlsHosts well_set_up() {
  static const Part source = part_of(ours(), "private", "10.99.0.1");
  static const Part destination = part_of(ours(), "peer", PeerLibvirtd::kAddress);
  return {{source, source}, {destination, destination}};
}

INSTANTIATE_TEST_SUITE_P(
    ByTls, MigrationContract,
    ::testing::Values(NamedMigrationBench{
        "Qemu", [](bool slowly) { return std::make_unique<LibvirtMigrationBench>(slowly, well_set_up()); }}),
    [](const auto& info) { return info.param.name; });

class TlsRefusals : public MigrationContract {
 protected:
  // What libvirt says; the guest runs on here, and nothing is left there.
  std::string refusal(const TlsHosts& hosts) {
    bench = std::make_unique<LibvirtMigrationBench>(false, hosts);
    const CallId start = next();
    bench->source().hypervisor.start(start, bench->domain(uuid, "web1"), kPatience);
    EXPECT_EQ(answer(bench->source(), start).result, port::CallResult::done);
    const auto done = answer(bench->source(), send(bench->address()));
    EXPECT_NE(done.result, port::CallResult::done);
    EXPECT_TRUE(becomes(bench->source(), [](const port::Domain& domain) {
      return domain.state == port::DomainState::running && !domain.migrating;
    }));
    EXPECT_TRUE(becomes(bench->destination(), port::DomainState::absent));
    return done.message;
  }
};

TEST_P(TlsRefusals, WithoutACertificateOfItsOwnItDoesNotBegin) {
  TlsHosts hosts = well_set_up();
  hosts.source.libvirt.reset();
  EXPECT_THAT(refusal(hosts), HasSubstr("/etc/pki/CA/cacert.pem"));
}

TEST_P(TlsRefusals, AnAuthorityThatItDoesNotKnowIsNotBelieved) {
  TlsHosts hosts = well_set_up();
  hosts.destination.libvirt = part_of(another(), "peer", PeerLibvirtd::kAddress);
  EXPECT_THAT(refusal(hosts), HasSubstr("certificate"));
}

TEST_P(TlsRefusals, TheDestinationDoesNotBelieveAnotherAuthoritysClient) {
  TlsHosts hosts = well_set_up();
  // Itself it believes both.
  hosts.source.libvirt = Part{ours().certificate() + another().certificate(), another().issue("private", "10.99.0.1")};
  EXPECT_THAT(refusal(hosts), AnyOf(HasSubstr("certificate"), HasSubstr("TLS")));
}

TEST_P(TlsRefusals, ACertificateOfAnotherHostIsNotTaken) {
  TlsHosts hosts = well_set_up();
  hosts.destination.libvirt = part_of(ours(), "elsewhere", "10.99.0.9");
  EXPECT_THAT(refusal(hosts), HasSubstr("certificate"));
}

TEST_P(TlsRefusals, QemuSendsNothingWithoutCertificatesOfItsOwn) {
  TlsHosts hosts = well_set_up();
  hosts.source.qemu.reset();
  EXPECT_THAT(refusal(hosts), AnyOf(HasSubstr("/etc/pki/qemu"), HasSubstr("ca-cert.pem"), HasSubstr("TLS")));
}

TEST_P(TlsRefusals, QemuSendsNothingToWhomItDoesNotBelieve) {
  TlsHosts hosts = well_set_up();
  hosts.destination.qemu = part_of(another(), "peer", PeerLibvirtd::kAddress);
  EXPECT_NE(refusal(hosts), "");
}

INSTANTIATE_TEST_SUITE_P(ByTls, TlsRefusals, ::testing::Values(NamedMigrationBench{"Qemu", {}}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
