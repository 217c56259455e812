// etcd over TLS: the whole contract of an engine on a member that asks every client for a certificate, and what a
// client is told that has the wrong one or none.
#include <gtest/gtest.h>

#include "adapter/engine/certificates.hpp"
#include "adapter/engine/engine_contract.hpp"
#include "adapter/engine/etcd_members.hpp"
#include "adapter/etcd/etcd_engine.hpp"

namespace haven::test {
namespace {

struct SecureMember {
  SecureMember() {
    etcd.kill(0);
    etcd.wipe(0);
    etcd.serve_tls(authority.member_options());
    etcd.start(0);
  }
  [[nodiscard]] Session::Open opens(const adapter::EtcdTls& tls) const {
    return [this, tls](port::EngineSink sink) -> std::unique_ptr<port::Engine> {
      auto engine = adapter::open_etcd_engine({{"https://" + etcd.endpoints()[0]}, tls}, std::move(sink));
      EXPECT_TRUE(engine) << engine.error();
      return engine ? std::move(*engine) : nullptr;
    };
  }

  EtcdMembers etcd;
  std::string address = etcd.endpoints()[0].substr(0, etcd.endpoints()[0].find(':'));
  Certificates authority{etcd.folder(), {address}};
  adapter::EtcdTls client = authority.issue("client");
};

class SecureWorld final : public EngineWorld {
 public:
  std::unique_ptr<port::Engine> open(port::EngineSink sink) override {
    return member_.opens(member_.client)(std::move(sink));
  }

 private:
  SecureMember member_;
};

// Transactions, leases, watches, reads, the voters' answers.
INSTANTIATE_TEST_SUITE_P(EtcdOverTls, EngineContract,
                         testing::Values(MakeWorld{"one_member", [] { return std::make_unique<SecureWorld>(); }}),
                         MakeWorld::name_of);

struct EtcdTlsRefusal : testing::Test {
  SecureMember member;
  // What a call says that nobody could be asked.
  std::string why(const adapter::EtcdTls& tls) const {
    Session session(member.opens(tls));
    const auto done = session.commit({}, 3s);
    EXPECT_EQ(done.outcome, Outcome::unknown);
    return done.message;
  }
  void SetUp() override {
    Session session(member.opens(member.client));
    ASSERT_EQ(session.commit({}, 20s).outcome, Outcome::committed);
  }
};

TEST_F(EtcdTlsRefusal, AMemberOfAnotherAuthorityIsNotBelieved) {
  const Certificates other(member.etcd.folder(), {member.address}, "other");
  const auto said = why({other.ca(), member.client.certificate_file, member.client.key_file});
  EXPECT_NE(said.find("certificate verify failed"), std::string::npos) << said;
}

TEST_F(EtcdTlsRefusal, WithoutACertificateNobodyIsServed) {
  const auto said = why({member.client.ca_file, "", ""});
  EXPECT_NE(said.find("a client certificate is missing, or of another authority"), std::string::npos) << said;
}

TEST_F(EtcdTlsRefusal, ACertificateOfAnotherAuthorityIsAsGoodAsNone) {
  const Certificates other(member.etcd.folder(), {member.address}, "other");
  const auto stranger = other.issue("stranger");
  const auto said = why({member.client.ca_file, stranger.certificate_file, stranger.key_file});
  EXPECT_NE(said.find("a client certificate is missing, or of another authority"), std::string::npos) << said;
}

TEST_F(EtcdTlsRefusal, WhoSpeaksNoTlsIsNotServed) {
  Session session([&](port::EngineSink sink) {
    return std::move(*adapter::open_etcd_engine({{member.etcd.endpoints()[0]}, {}}, std::move(sink)));
  });
  const auto done = session.commit({}, 3s);
  EXPECT_EQ(done.outcome, Outcome::unknown);
  EXPECT_NE(done.message.find("TLS"), std::string::npos) << done.message;
}

}  // namespace
}  // namespace haven::test
