// Conversations with servers that answer, hang, dribble, lie and never stop.
#include "adapter/guest/conversation.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "adapter/guest/http.hpp"
#include "peer.hpp"

namespace haven::adapter::guest {
namespace {

using namespace std::chrono_literals;
using haven::testing::Peer;
using haven::testing::Visitor;
using Clock = std::chrono::steady_clock;

Conversation get(int port, std::chrono::milliseconds timeout = 2s) {
  Conversation c;
  c.address = "127.0.0.1";
  c.port = port;
  c.says = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  c.is_whole = http_is_whole;
  c.timeout = timeout;
  return c;
}

ConversationHeard hold(Conversations& conversations, Conversation what) {
  auto promise = std::make_shared<std::promise<ConversationHeard>>();
  auto heard = promise->get_future();
  conversations.begin(std::move(what), [promise](ConversationHeard h) { promise->set_value(std::move(h)); });
  if (heard.wait_for(20s) != std::future_status::ready) {
    ADD_FAILURE() << "it was never told";
    return {};
  }
  return heard.get();
}

const std::string kGood = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(Conversation, HearsAnAnswer) {
  Conversations conversations;
  Peer peer([](const Visitor& who) {
    who.hear("\r\n\r\n");
    who.send(kGood);
    who.hear("never");
  });
  const auto heard = hold(conversations, get(peer.port()));
  EXPECT_EQ(heard.end, ConversationEnd::whole);
  EXPECT_EQ(heard.heard, kGood);
}

TEST(Conversation, WithNothingToSayIsAConnection) {
  Conversations conversations;
  Peer peer([](const Visitor& who) { who.hear("never"); });
  Conversation c;
  c.address = "127.0.0.1";
  c.port = peer.port();
  c.timeout = 2s;
  EXPECT_EQ(hold(conversations, c).end, ConversationEnd::whole);
}

TEST(Conversation, WhereNobodyListensIsRefusedAtOnce) {
  Conversations conversations;
  int port = 0;
  {
    port = Peer([](const Visitor&) {}).port();
  }
  const auto heard = hold(conversations, get(port));
  EXPECT_EQ(heard.end, ConversationEnd::refused);
  EXPECT_EQ(heard.why, "Connection refused");
}

TEST(Conversation, WithOneWhoHangsEndsWithItsTime) {
  Conversations conversations;
  Peer peer([](const Visitor& who) { who.hear("never"); });
  const auto before = Clock::now();
  EXPECT_EQ(hold(conversations, get(peer.port(), 300ms)).end, ConversationEnd::silent);
  EXPECT_GE(Clock::now() - before, 290ms);
  EXPECT_LT(Clock::now() - before, 2s);
}

TEST(Conversation, WithOneWhoDribblesEndsWithItsTime) {
  Conversations conversations;
  Peer peer([](const Visitor& who) {
    while (who.send("H")) std::this_thread::sleep_for(20ms);
  });
  EXPECT_EQ(hold(conversations, get(peer.port(), 300ms)).end, ConversationEnd::silent);
}

TEST(Conversation, WithOneWhoSendsAGigabyteEndsAfterAKeptPart) {
  Conversations conversations;
  std::atomic<bool> finished{false};
  Peer peer([&](const Visitor& who) {
    who.send("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
    const std::string block(1 << 20, 'x');
    for (int i = 0; i < 1024; ++i)
      if (!who.send(block)) return;
    finished = true;
  });
  const auto heard = hold(conversations, get(peer.port()));
  EXPECT_EQ(heard.end, ConversationEnd::too_long);
  EXPECT_EQ(heard.heard.size(), Conversations::kMostHeard);
  EXPECT_FALSE(finished);
}

TEST(Conversation, EndsWithTheConnection) {
  Conversations conversations;
  Peer peer([](const Visitor& who) {
    who.hear("\r\n\r\n");
    who.send("HTTP/1.1 200 OK\r\n\r\nall of it");
  });
  const auto heard = hold(conversations, get(peer.port()));
  EXPECT_EQ(heard.end, ConversationEnd::closed);
  EXPECT_EQ(http_answer(heard.heard)->body, "all of it");
}

TEST(Conversation, ToNoAddressIsRefused) {
  Conversations conversations;
  Conversation c = get(1);
  c.address = "nowhere";
  EXPECT_EQ(hold(conversations, c).end, ConversationEnd::refused);
}

// Those that hang hold up nobody.
TEST(Conversation, GoesOnBesideAHundredThatHang) {
  Conversations conversations;
  Peer hanging([](const Visitor& who) { who.hear("never"); });
  Peer good([](const Visitor& who) {
    who.hear("\r\n\r\n");
    who.send(kGood);
  });
  std::atomic<int> silent{0};
  for (int i = 0; i < 100; ++i)
    conversations.begin(get(hanging.port(), 1s), [&](const ConversationHeard& heard) {
      silent += heard.end == ConversationEnd::silent ? 1 : 0;
    });
  const auto before = Clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(hold(conversations, get(good.port())).end, ConversationEnd::whole);
  EXPECT_LT(Clock::now() - before, 1s);
  std::this_thread::sleep_for(1500ms);
  EXPECT_EQ(silent, 100);
}

TEST(Conversation, ThatGoesOnIsNotToldOfAfterTheEnd) {
  std::atomic<int> told{0};
  Peer peer([](const Visitor& who) { who.hear("never"); });
  {
    Conversations conversations;
    conversations.begin(get(peer.port(), 200ms), [&](const ConversationHeard&) { ++told; });
    std::this_thread::sleep_for(50ms);
  }
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(told, 0);
}

// ---- TLS ----

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "haven-tls-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};
// A certificate that signs itself, with its key, for this name.
std::string certificate(const std::string& folder, const std::string& name) {
  const std::string base = folder + "/" + name;
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" + name +
      " -addext subjectAltName=DNS:" + name + ",IP:127.0.0.1 -keyout " + base + ".key -out " + base +
      ".crt 2>/dev/null && cat " + base + ".crt " + base + ".key > " + base + ".pem";
  EXPECT_EQ(std::system(command.c_str()), 0);
  return base;
}
Conversation secure(int port, const std::string& name, const std::string& authority) {
  Conversation c = get(port);
  c.tls = std::make_shared<const Tls>(Tls{name, authority});
  return c;
}
void answer(const Visitor& who) {
  who.hear("\r\n\r\n");
  who.send(kGood);
}

TEST(ConversationTls, TrustsWhomItIsToldToTrust) {
  Folder folder;
  const std::string made = certificate(folder.path, "web1");
  Conversations conversations;
  Peer peer(answer, made + ".pem");
  const auto heard = hold(conversations, secure(peer.port(), "web1", made + ".crt"));
  EXPECT_EQ(heard.end, ConversationEnd::whole) << heard.why;
  EXPECT_EQ(heard.heard, kGood);
  EXPECT_EQ(hold(conversations, secure(peer.port(), "127.0.0.1", made + ".crt")).end, ConversationEnd::whole);
}

TEST(ConversationTls, TrustsNobodyElse) {
  Folder folder;
  const std::string made = certificate(folder.path, "web1"), other = certificate(folder.path, "other");
  Conversations conversations;
  Peer peer(answer, made + ".pem");
  for (const auto& [name, authority] :
       {std::pair(std::string("web1"), other + ".crt"), std::pair(std::string("web2"), made + ".crt"),
        std::pair(std::string("web1"), std::string())}) {
    const auto heard = hold(conversations, secure(peer.port(), name, authority));
    EXPECT_EQ(heard.end, ConversationEnd::refused);
    EXPECT_NE(heard.why.find("not trusted"), std::string::npos) << heard.why;
  }
  const auto heard = hold(conversations, secure(peer.port(), "web1", folder.path + "/none.crt"));
  EXPECT_NE(heard.why.find("cannot be read"), std::string::npos) << heard.why;
}

TEST(ConversationTls, WithOneWhoSpeaksNoneIsRefused) {
  Conversations conversations;
  Peer peer([](const Visitor& who) {
    who.send("SSH-2.0-OpenSSH\r\n");
    who.hear("never");
  });
  EXPECT_EQ(hold(conversations, secure(peer.port(), "web1", "")).end, ConversationEnd::refused);
}

TEST(ConversationTls, WithOneWhoHangsInTheHandshakeEndsWithItsTime) {
  Conversations conversations;
  Peer peer([](const Visitor& who) { who.hear("never"); });
  Conversation c = secure(peer.port(), "web1", "");
  c.timeout = 300ms;
  EXPECT_EQ(hold(conversations, c).end, ConversationEnd::silent);
}

}  // namespace
}  // namespace haven::adapter::guest
