// Alarms leave the host: by a real program, and by a real web server, with and without TLS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <nlohmann/json.hpp>

#include "daemon/alarm_courier.hpp"
#include "daemon/fakes.hpp"
#include "daemon/process.hpp"

namespace haven::daemon {
namespace {

using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

std::string script(const TemporaryFolder& folder, const std::string& body) {
  const std::string path = folder / "page";
  test::write_text(path, "#!/bin/sh\n" + body);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

TEST(AlarmByExec, TheProgramReadsOneObjectFromItsStandardInput) {
  const TemporaryFolder folder;
  const auto tell = tell_by_exec(script(folder, "cat > " + (folder / "got") + "; [ $# = 0 ]\n"), 10s);
  const auto told = tell(R"({"key":"a"})");
  EXPECT_TRUE(told) << told.error();
  EXPECT_EQ(test::read_text(folder / "got"), "{\"key\":\"a\"}\n");
}

TEST(AlarmByExec, AFailureATimeOutAndAMissingProgramAreErrors) {
  const TemporaryFolder folder;
  EXPECT_THAT(tell_by_exec(script(folder, "echo 'no modem' >&2; exit 3\n"), 10s)("{}").error(),
              HasSubstr("exit 3: no modem"));
  EXPECT_THAT(tell_by_exec(script(folder, "sleep 1000\n"), 200ms)("{}").error(), HasSubstr("no end within its time"));
  EXPECT_THAT(tell_by_exec(folder / "nobody", 10s)("{}").error(), HasSubstr("cannot be executed"));
}

// Answers on a free port of the loopback until its end.
template <class Server>
class WebServer {
 public:
  template <class... Args>
  explicit WebServer(const Args&... args) : server_(args...) {
    server_.Post("/haven", [this](const httplib::Request& request, httplib::Response& response) {
      const std::lock_guard lock(mutex_);
      bodies_.push_back(request.body);
      response.status = status;
    });
    port = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~WebServer() {
    server_.stop();
    thread_.join();
  }
  [[nodiscard]] std::string address(const std::string& scheme) const {
    return scheme + "://127.0.0.1:" + std::to_string(port) + "/haven?key=s3cret";
  }
  std::vector<std::string> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  std::atomic<int> status{204};
  int port = 0;

 private:
  Server server_;
  std::mutex mutex_;
  std::vector<std::string> bodies_;
  std::thread thread_;
};

TEST(AlarmByWebhook, IsPostedAsJson) {
  WebServer<httplib::Server> server;
  const auto tell = tell_by_webhook(server.address("http"), "", 10s);
  const auto told = tell(R"({"key":"a"})");
  EXPECT_TRUE(told) << told.error();
  EXPECT_THAT(server.bodies(), ElementsAre(R"({"key":"a"})"));
  server.status = 500;
  const auto refused = tell("{}");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("status 500"));
  EXPECT_THAT(refused.error(), Not(HasSubstr("s3cret"))) << "an address may hold a secret";
  server.status = 302;
  EXPECT_FALSE(tell("{}")) << "nobody is sent elsewhere";
}

TEST(AlarmByWebhook, NobodyThereIsAnError) {
  int port = 0;
  {
    const WebServer<httplib::Server> server;
    port = server.port;
  }
  EXPECT_FALSE(tell_by_webhook("http://127.0.0.1:" + std::to_string(port) + "/", "", 10s)("{}"));
}

TEST(AlarmByWebhook, OneThatNeverComesToItsEndIsGivenUp) {
  // Sends a line of headers now and then, for ever: no single wait is long.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::thread dripping([&] {
    const int client = ::accept(listener, nullptr, nullptr);
    const std::string head = "HTTP/1.1 200 OK\r\n";
    (void)!::send(client, head.data(), head.size(), MSG_NOSIGNAL);
    while (::send(client, "X: y\r\n", 6, MSG_NOSIGNAL) > 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ::close(client);
  });
  const auto tell = tell_by_webhook("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/", "", 300ms);
  const auto told = tell("{}");
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error(), HasSubstr("no answer within its time"));
  dripping.join();
  ::close(listener);
}

TEST(AlarmByWebhook, TheCertificateIsVerified) {
  const TemporaryFolder folder;
  const auto made = test::Process({"/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                                   "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                                   folder / "key.pem", "-out", folder / "cert.pem"})
                        .finish();
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const std::string cert = folder / "cert.pem";
  const std::string key = folder / "key.pem";
  WebServer<httplib::SSLServer> server(cert.c_str(), key.c_str());
  EXPECT_FALSE(tell_by_webhook(server.address("https"), "", 10s)("{}")) << "nobody vouches for it";
  EXPECT_TRUE(server.bodies().empty());
  const auto told = tell_by_webhook(server.address("https"), cert, 10s)("{}");
  EXPECT_TRUE(told) << told.error();
  EXPECT_EQ(server.bodies().size(), 1U);
}

// ---- the courier ----

TEST(AlarmCourier, TellsRaisedRepeatedAndClearedAndItsOwnTrouble) {
  WebServer<httplib::Server> server;
  std::mutex mutex;
  std::condition_variable changed;
  std::string trouble;
  AlarmCourier courier(
      tell_by_webhook(server.address("http"), "", 10s), "h1", 50ms,
      [&](const std::string& why) {
        const std::lock_guard lock(mutex);
        trouble = why;
        changed.notify_all();
      },
      50ms);
  Standing standing;
  standing.cluster = "prod";
  standing.alarms = {{"fence/h2", "h2 is silent", HostName("h2"), {}}};
  server.status = 503;
  courier.stand(standing);
  const auto wait_for = [&](const std::function<bool()>& holds) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 20s, holds);
  };
  EXPECT_TRUE(wait_for([&] { return trouble.find("status 503") != std::string::npos; }));
  server.status = 200;
  const auto told = [&](const std::string& event) {
    return wait_for([&] {
      const auto bodies = server.bodies();
      return !bodies.empty() && Json::parse(bodies.back()).at("event") == event;
    });
  };
  EXPECT_TRUE(told("repeated"));
  EXPECT_EQ(trouble, "");
  const Json first = Json::parse(server.bodies().front());
  EXPECT_EQ(first["event"], "raised");
  EXPECT_EQ(first["key"], "fence/h2");
  EXPECT_EQ(first["text"], "h2 is silent");
  EXPECT_EQ(first["host"], "h2");
  EXPECT_EQ(first["cluster"], "prod");
  EXPECT_EQ(first["by"], "h1");
  EXPECT_GT(first["since_ms"], 1'500'000'000'000);
  standing.alarms.clear();
  courier.stand(standing);
  EXPECT_TRUE(told("cleared"));
}

}  // namespace
}  // namespace haven::daemon
