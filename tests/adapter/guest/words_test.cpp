// HTTP's answers, and those of QEMU's guest agent.
#include <gtest/gtest.h>

#include <random>

#include "adapter/guest/agent_words.hpp"
#include "adapter/guest/http.hpp"

namespace haven::adapter::guest {
namespace {

GuestCheck http(const std::string& url) {
  GuestCheck check;
  check.kind = CheckKind::http;
  check.url = url;
  return check;
}

TEST(Http, KnowsWhereToAsk) {
  HttpPlace place = http_place(http("https://web1.example/health?x=1#part"));
  EXPECT_TRUE(place.tls);
  EXPECT_EQ(place.host, "web1.example");
  EXPECT_EQ(place.port, 443);
  EXPECT_EQ(place.path, "/health?x=1");
  place = http_place(http("http://10.0.0.1:8080"));
  EXPECT_EQ(place.host, "10.0.0.1");
  EXPECT_EQ(place.port, 8080);
  EXPECT_EQ(place.path, "/");
  place = http_place(http("http://[fe80::1]:81/"));
  EXPECT_EQ(place.host, "fe80::1");
  EXPECT_EQ(place.port, 81);
  GuestCheck relative = http("/health");
  relative.port = 8080;
  place = http_place(relative);
  EXPECT_EQ(place.host, "");
  EXPECT_EQ(place.port, 8080);
  EXPECT_EQ(place.path, "/health");
}

TEST(Http, KnowsWhenAnAnswerIsWhole) {
  EXPECT_FALSE(http_is_whole("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd"));
  EXPECT_TRUE(http_is_whole("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde"));
  EXPECT_TRUE(http_is_whole("HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_FALSE(http_is_whole("HTTP/1.1 200 OK\r\n\r\nwho knows"));
  EXPECT_FALSE(http_is_whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
  EXPECT_TRUE(http_is_whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
}

TEST(Http, PutsChunksTogether) {
  const auto answer =
      http_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "abcde");
}

TEST(Http, JudgesStatusAndText) {
  GuestCheck check = http("/");
  const auto fault = [&](int status, const std::string& body) { return http_fault(check, {status, body}, false); };
  EXPECT_EQ(fault(200, ""), "");
  EXPECT_EQ(fault(302, ""), "");
  EXPECT_EQ(fault(500, ""), "it answers with status 500");
  check.status = 401;
  EXPECT_EQ(fault(401, ""), "");
  EXPECT_NE(fault(200, ""), "");
  check = http("/");
  check.contains = "ready";
  EXPECT_EQ(fault(200, "it is ready"), "");
  EXPECT_NE(fault(200, "it is not"), "");
}

TEST(Http, AnyBytesAreAnswered) {
  std::mt19937 random(7);
  const std::string words[] = {"HTTP/1.",
                               "1 200 OK",
                               "\r\n",
                               "\r\n\r\n",
                               "Transfer-Encoding: chunked",
                               "ffffffffffffffff",
                               "Content-Length: ",
                               "99999999999999999999",
                               "0",
                               "5\r\nab",
                               "\0x",
                               ":",
                               " "};
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (auto n = random() % 12; n > 0; --n) text += words[random() % std::size(words)];
    (void)http_is_whole(text);
    (void)http_answer(text);
  }
}

TEST(AgentWords, ReadWhatAnAgentSays) {
  EXPECT_TRUE(is_agent_return(R"({"return":{}})"));
  EXPECT_FALSE(is_agent_return(R"({"error":{"class":"GenericError"}})"));
  EXPECT_FALSE(is_agent_return("garbage"));
  EXPECT_EQ(exec_begun(R"({"return":{"pid":42}})"), 42);
  EXPECT_FALSE(exec_begun(R"({"return":{}})"));
  const auto running = exec_status(R"({"return":{"exited":false}})");
  ASSERT_TRUE(running);
  EXPECT_FALSE(running->ended);
  const auto ended =
      exec_status(R"({"return":{"exited":true,"exitcode":3,"out-data":"aGVsbG8K","err-data":"d29yc2U="}})");
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->code, 3);
  EXPECT_EQ(ended->said, "worse\nhello\n");
  EXPECT_EQ(exec_status(R"({"return":{"exited":true,"signal":9}})")->signal, 9);
  const auto disks = guest_disks(
      R"({"return":[{"name":"vda","stats":{"read-ios":3,"write-ios":4,"ios-pgr":1}},{"name":"vdb","stats":{"read-ios":1}}]})");
  ASSERT_TRUE(disks);
  EXPECT_EQ(disks->done, 8U);
  EXPECT_TRUE(disks->pending);
  EXPECT_FALSE(guest_disks(R"({"return":{}})"));
}

TEST(AgentWords, QuoteACommandWhole) {
  EXPECT_EQ(
      agent_exec({"/bin/sh", "-c", "echo \"hi\""}),
      R"({"arguments":{"arg":["-c","echo \"hi\""],"capture-output":true,"path":"/bin/sh"},"execute":"guest-exec"})");
}

TEST(AgentWords, KeepOneLineOfWhatIsSaid) {
  EXPECT_EQ(one_line("a\n\n\tb\x1b[31m\r\n"), "a b [31m");
  EXPECT_EQ(one_line(std::string(10'000, 'x')).size(), kSaidKept);
}

}  // namespace
}  // namespace haven::adapter::guest
