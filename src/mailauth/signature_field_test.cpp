#include "mailauth/signature_field.hpp"

#include <gtest/gtest.h>

namespace pabal::mailauth {
namespace {

constexpr const char* kHash = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=";

// A signature with these tags in place of the usual ones; "-x" leaves x= out.
std::string with(std::initializer_list<std::pair<std::string, std::string>> changes) {
  std::vector<std::pair<std::string, std::string>> tags = {
      {"v", "1"},           {"a", "rsa-sha256"}, {"c", "relaxed/relaxed"},
      {"d", "example.org"}, {"s", "selector"},   {"h", "from:to"},
      {"bh", kHash},        {"b", "YWJj"},
  };
  for (const auto& [name, value] : changes) {
    const bool remove = name.starts_with('-');
    const auto bare = remove ? name.substr(1) : name;
    std::erase_if(tags, [&bare](const auto& tag) { return tag.first == bare; });
    if (!remove) tags.emplace_back(bare, value);
  }
  std::string text;
  for (const auto& [name, value] : tags) text += " " + name + "=" + value + ";";
  return text;
}

std::string fault_of(const std::string& body, SignatureKind kind = SignatureKind::dkim) {
  const auto signature = read_signature(kind, body);
  if (!signature.fault) return "";
  return std::string(name_of(signature.fault->result)) + ": " + signature.fault->why;
}

TEST(SignatureField, readsAllThatThereIs) {
  const auto signature = read_signature(
      SignatureKind::dkim,
      " v=1; a=ed25519-sha256; c=relaxed;\r\n d=Example.ORG; i=Joe@Sub.example.org;\r\n q=dns/txt; s=Brisbane; "
      "t=1528637909; x=1528638909;\r\n h=From : To :\r\n subject; l=17; z=From:foo|To:bar;\r\n bh=" +
          std::string(kHash) + ";\r\n b=YW\r\n Jj");
  ASSERT_FALSE(signature.fault) << signature.fault->why;
  EXPECT_EQ(signature.facts.domain, "example.org");
  EXPECT_EQ(signature.facts.selector, "brisbane");
  EXPECT_EQ(signature.facts.algorithm, "ed25519-sha256");
  EXPECT_EQ(signature.facts.identity, "Joe@Sub.example.org");
  EXPECT_EQ(signature.identity_domain, "sub.example.org");
  EXPECT_EQ(signature.facts.header_form, Canonicalization::relaxed);
  EXPECT_EQ(signature.facts.body_form, Canonicalization::simple);
  EXPECT_EQ(signature.names, (std::vector<std::string>{"from", "to", "subject"}));
  EXPECT_EQ(signature.facts.signed_fields, (std::vector<std::string>{"From", "To", "subject"}));
  EXPECT_EQ(signature.facts.signed_octets, 17U);
  EXPECT_EQ(signature.signature, "abc");
  EXPECT_EQ(signature.facts.signature, "YWJj");
  EXPECT_EQ(signature.facts.signed_at->time_since_epoch().count(), 1528637909);
  EXPECT_EQ(signature.facts.expires_at->time_since_epoch().count(), 1528638909);
  EXPECT_EQ(signature.facts.key_name, "brisbane._domainkey.example.org");
}

TEST(SignatureField, whatMayBeMissing) {
  const auto signature = read_signature(SignatureKind::dkim, with({{"-c", ""}}));
  ASSERT_FALSE(signature.fault);
  EXPECT_EQ(signature.facts.header_form, Canonicalization::simple);
  EXPECT_EQ(signature.facts.body_form, Canonicalization::simple);
  EXPECT_EQ(signature.facts.identity, "@example.org");
}

TEST(SignatureField, nastyCases) {
  EXPECT_EQ(fault_of(with({})), "");
  EXPECT_EQ(fault_of(with({{"v", "2"}})), "neutral: v=2 is a version that isn't known");
  EXPECT_EQ(fault_of(with({{"v", "1.0"}})), "neutral: v=1.0 is a version that isn't known");
  EXPECT_EQ(fault_of(with({{"-v", ""}})), "neutral: the signature has no v=");
  for (const auto* name : {"a", "b", "bh", "d", "s", "h"}) {
    const auto missing = std::string("neutral: the signature has no ") + name + "=";
    EXPECT_EQ(fault_of(with({{std::string("-") + name, ""}})), missing);
    EXPECT_EQ(fault_of(with({{name, ""}})), missing);
  }
  EXPECT_EQ(fault_of(with({{"a", "rsa-md5"}})), "neutral: the algorithm a=rsa-md5 isn't known");
  EXPECT_TRUE(fault_of(with({{"a", "rsa-sha1"}})).starts_with("fail: rsa-sha1 proves nothing"));
  EXPECT_EQ(fault_of(with({{"a", "RSA-SHA256"}})), "");
  EXPECT_EQ(fault_of(with({{"b", "%"}})), "neutral: b= is no base64");
  EXPECT_EQ(fault_of(with({{"b", "YWI"}})), "") << "padding may be missing";
  EXPECT_EQ(fault_of(with({{"b", "Y"}})), "neutral: b= is no base64");
  EXPECT_EQ(fault_of(with({{"bh", "YWJj"}})), "neutral: bh= isn't as long as a SHA-256");
  EXPECT_EQ(fault_of(with({{"bh", "=="}})), "neutral: bh= is no base64");
  EXPECT_EQ(fault_of(with({{"c", "relaxed/strict"}})), "neutral: c=relaxed/strict is a form that isn't known");
  EXPECT_EQ(fault_of(with({{"c", ""}})), "neutral: c= is a form that isn't known");
  EXPECT_EQ(fault_of(with({{"c", "Simple/RELAXED"}})), "");
  EXPECT_EQ(fault_of(with({{"h", "to:subject"}})), "permerror: the signature doesn't cover From");
  EXPECT_EQ(fault_of(with({{"h", "FROM"}})), "");
  std::string many = "from";
  for (int i = 0; i < 999; ++i) many += ":to";
  EXPECT_EQ(fault_of(with({{"h", many}})), "");
  EXPECT_EQ(fault_of(with({{"h", many + ":to"}})), "policy: the signature covers more than 1000 fields");
  EXPECT_EQ(fault_of(with({{"d", "example..org"}})), "neutral: d=example..org is no domain");
  EXPECT_EQ(fault_of(with({{"d", "exa mple.org"}})), "neutral: d=exa mple.org is no domain");
  EXPECT_EQ(fault_of(with({{"d", ".example.org"}})), "neutral: d=.example.org is no domain");
  EXPECT_EQ(fault_of(with({{"d", std::string(64, 'a') + ".org"}})).substr(0, 9), "neutral: ");
  EXPECT_EQ(fault_of(with({{"s", "a.b_c"}})), "");
  EXPECT_EQ(fault_of(with({{"s", "a b"}})), "neutral: s=a b is no selector");
  EXPECT_EQ(fault_of(with({{"s", std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') + "." +
                                     std::string(60, 'd')}})),
            "neutral: the key's name isn't one that the DNS could know");
  EXPECT_EQ(fault_of(with({{"i", "joe@example.com"}})),
            "neutral: i= is of example.com, which is neither example.org nor below it");
  EXPECT_EQ(fault_of(with({{"i", "joe@notexample.org"}})),
            "neutral: i= is of notexample.org, which is neither example.org nor below it");
  EXPECT_EQ(fault_of(with({{"i", "joe"}})), "neutral: i= is no identity of a domain");
  EXPECT_EQ(fault_of(with({{"i", "@sub.example.org"}})), "");
  EXPECT_EQ(fault_of(with({{"t", "10"}, {"x", "9"}})),
            "neutral: x= isn't after t=: the signature ended before it was made");
  EXPECT_EQ(fault_of(with({{"t", "-1"}})), "neutral: t= is no time");
  EXPECT_EQ(fault_of(with({{"t", ""}})), "neutral: t= is no time");
  EXPECT_EQ(fault_of(with({{"x", "99999999999999999999999999"}})), "");
  EXPECT_EQ(fault_of(with({{"l", "12a"}})), "neutral: l= is no length");
  EXPECT_EQ(fault_of(with({{"l", "-1"}})), "neutral: l= is no length");
  EXPECT_EQ(fault_of(with({{"l", std::string(76, '9')}})), "");
  EXPECT_EQ(fault_of(with({{"l", std::string(77, '9')}})), "neutral: l= is no length");
  EXPECT_EQ(fault_of(with({{"q", "dns/txt:http/get"}})), "");
  EXPECT_EQ(fault_of(with({{"q", "dns"}})), "");
  EXPECT_EQ(fault_of(with({{"q", "http/get"}})), "neutral: q=http/get is a way to keys that isn't known");
  EXPECT_EQ(fault_of(with({}) + " d=example.org"), "neutral: the tag d comes twice");
  EXPECT_EQ(fault_of(""), "neutral: there is no tag");
  EXPECT_EQ(fault_of(with({{"unknown", "tags are let be"}})), "");
}

// RFC 8616: U-labels in d=, s= and i= are what their A-labels are.
TEST(SignatureField, namesInUtf8) {
  const auto signature = read_signature(SignatureKind::dkim, with({{"d", "\xED\x95\x9C\xEA\xB5\xAD.example"},
                                                                   {"s", "\xED\x82\xA4"},
                                                                   {"i", "\xED\x99\x8D@sub.xn--3e0b707e.example"}}));
  ASSERT_FALSE(signature.fault) << signature.fault->why;
  EXPECT_EQ(signature.facts.domain, "xn--3e0b707e.example");
  EXPECT_EQ(signature.facts.key_name, "xn--or7b._domainkey.xn--3e0b707e.example");
  EXPECT_EQ(signature.identity_domain, "sub.xn--3e0b707e.example");
}

TEST(SignatureField, everyPrefixIsReadWithoutHarm) {
  const auto whole = with({{"i", "joe@sub.example.org"}, {"t", "1"}, {"x", "2"}, {"l", "3"}, {"q", "dns/txt"}});
  for (const auto kind : {SignatureKind::dkim, SignatureKind::arc_message, SignatureKind::arc_seal}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto signature = read_signature(kind, whole.substr(0, size));
      EXPECT_TRUE(signature.fault || signature.key_name);
    }
  }
}

TEST(SignatureField, arcsOwnRules) {
  const auto message = [](std::initializer_list<std::pair<std::string, std::string>> changes) {
    return fault_of(with(changes), SignatureKind::arc_message);
  };
  EXPECT_EQ(message({{"-v", ""}, {"i", "1"}}), "");
  EXPECT_EQ(message({{"i", "50"}, {"h", "to"}}), "") << "what it covers is its own affair";
  EXPECT_EQ(message({{"i", "51"}}), "neutral: i= is no instance from 1 to 50");
  EXPECT_EQ(message({{"i", "0"}}), "neutral: i= is no instance from 1 to 50");
  EXPECT_EQ(message({{"i", "001"}}), "neutral: i= is no instance from 1 to 50");
  EXPECT_EQ(message({{"-i", ""}}), "neutral: i= is no instance from 1 to 50");
  EXPECT_EQ(message({{"i", "1"}, {"h", "from:ARC-Seal"}}), "neutral: a message signature may not cover ARC-Seal");
  const auto seal = [](std::initializer_list<std::pair<std::string, std::string>> changes) {
    return fault_of(with(changes), SignatureKind::arc_seal);
  };
  EXPECT_EQ(seal({{"i", "1"}, {"-h", ""}, {"-bh", ""}, {"cv", "none"}}), "");
  EXPECT_EQ(seal({{"i", "1"}, {"cv", "none"}}), "neutral: a seal may not have h=");
}

TEST(SignatureField, takesItsOwnSignatureOut) {
  const std::pair<const char*, const char*> table[] = {
      {"X: a=1; b=abc; c=2\r\n", "X: a=1; b=; c=2\r\n"},
      {"X: a=1;\r\n b= abc\r\n def ;\r\n c=2\r\n", "X: a=1;\r\n b=;\r\n c=2\r\n"},
      {"X: a=1; b=abc\r\n", "X: a=1; b="},
      {"X:b=abc", "X:b="},
      {"X: b =abc; bh=b=x", "X: b =; bh=b=x"},
      {"X: bh=abc; B=def; a=1", "X: bh=abc; B=def; a=1"},
      {"X: a=b=c; b\r\n =d", "X: a=b=c; b\r\n ="},
      {"X", "X"},
  };
  for (const auto& [field, wanted] : table) EXPECT_EQ(without_signature(field), wanted);
}

TEST(ArcResultsField, beginsWithItsInstance) {
  const auto instance = [](std::string_view body) {
    const auto field = read_arc_results(body);
    return field ? field->instance : 0;
  };
  EXPECT_EQ(instance(" i=1; lists.example.org; spf=pass"), 1U);
  EXPECT_EQ(instance(" i = 50 ;x"), 50U);
  EXPECT_EQ(instance(" i=51;x"), 0U);
  EXPECT_EQ(instance(" i=0;x"), 0U);
  EXPECT_EQ(instance(" lists.example.org; i=1; spf=pass"), 0U);
  EXPECT_EQ(instance(" i=1 lists.example.org"), 0U);
  EXPECT_EQ(instance(""), 0U);
}

}  // namespace
}  // namespace pabal::mailauth
