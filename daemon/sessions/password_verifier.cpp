// SPDX-License-Identifier: Apache-2.0
#include "daemon/sessions/password_verifier.h"

#include "daemon/journal/journal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdexcept>
#include <string>

namespace raxauth::sessions {
namespace {

// N = 2^14, r = 8, p = 1: 16 MiB. The verifier never leaves memory and is gone with the session, so
// interactive parameters do; see docs/decisions.
constexpr std::uint64_t kCost = 1U << 14U;
constexpr std::uint64_t kBlockSize = 8;
constexpr std::uint64_t kParallel = 1;
constexpr std::uint64_t kMemoryLimit = 64U << 20U;

const unsigned char* bytes_of(const Secret& secret) {
    return reinterpret_cast<const unsigned char*>(secret.view().data());
}

Secret derive(const Secret& password, const Secret& salt) {
    unsigned char out[PasswordVerifier::kHashBytes];
    const int ok =
        EVP_PBE_scrypt(password.view().data(), password.size(), bytes_of(salt), salt.size(), kCost,
                       kBlockSize, kParallel, kMemoryLimit, out, sizeof out);
    if (ok != 1) {
        throw std::runtime_error("scrypt failed");
    }
    Secret hash(std::string_view(reinterpret_cast<const char*>(out), sizeof out));
    wipe(out, sizeof out);
    return hash;
}

} // namespace

PreHashKey::PreHashKey(Secret text) : text_(std::move(text)) {
    const CHandle<EVP_MAC, EVP_MAC_free> hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    keyed_.reset(hmac ? EVP_MAC_CTX_new(hmac.get()) : nullptr);
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    if (!keyed_ || EVP_MAC_init(keyed_.get(), bytes_of(text_), text_.size(), parameters) != 1) {
        throw std::runtime_error("HMAC failed");
    }
}

PreHash PreHash::of(const Secret& password, const PreHashKey& process_key) {
    unsigned char out[kBytes];
    std::size_t length = 0;
    const CHandle<EVP_MAC_CTX, EVP_MAC_CTX_free> hmac(EVP_MAC_CTX_dup(process_key.keyed_.get()));
    if (!hmac || EVP_MAC_update(hmac.get(), bytes_of(password), password.size()) != 1 ||
        EVP_MAC_final(hmac.get(), out, &length, sizeof out) != 1 || length != kBytes) {
        throw std::runtime_error("HMAC failed");
    }
    PreHash hash;
    hash.bytes_ = Secret(std::string_view(reinterpret_cast<const char*>(out), sizeof out));
    wipe(out, sizeof out);
    return hash;
}

std::shared_ptr<PasswordVerifier> PasswordVerifier::make(PreHash password, Worker& worker,
                                                         std::function<void()> done) {
    auto verifier = std::make_shared<PasswordVerifier>();
    unsigned char salt[kSaltBytes];
    if (RAND_bytes(salt, sizeof salt) != 1) {
        throw std::runtime_error("no random bytes");
    }
    verifier->salt_ = Secret(std::string_view(reinterpret_cast<const char*>(salt), sizeof salt));
    // The job owns what it works on: the entry may end before it does.
    auto whole = [](std::weak_ptr<PasswordVerifier> weak, Secret from, Secret with, Worker& on,
                    std::function<void()> tell) -> Task<void> {
        try {
            auto source = std::make_shared<Secret>(std::move(from));
            auto seasoning = std::make_shared<Secret>(std::move(with));
            auto work = [source, seasoning] { return derive(*source, *seasoning); };
            Task<Secret> deriving = on.run(std::move(work));
            Secret hash = co_await std::move(deriving);
            if (const auto self = weak.lock()) {
                self->hash_ = std::move(hash);
                self->ready_ = true;
                if (tell) {
                    tell();
                }
            }
        } catch (const std::exception& fault) {
            journal::warning(std::string("no password verifier for a session: ") + fault.what());
        }
    };
    verifier->deriving_ = Job::start(whole(verifier, password.bytes().clone(),
                                           verifier->salt_.clone(), worker, std::move(done)));
    return verifier;
}

std::shared_ptr<PasswordVerifier> PasswordVerifier::restore(std::string_view bytes) {
    if (bytes.size() != kSaltBytes + kHashBytes) {
        return nullptr;
    }
    auto verifier = std::make_shared<PasswordVerifier>();
    verifier->salt_ = Secret(bytes.substr(0, kSaltBytes));
    verifier->hash_ = Secret(bytes.substr(kSaltBytes));
    verifier->ready_ = true;
    return verifier;
}

Task<bool> PasswordVerifier::matches(std::shared_ptr<PasswordVerifier> self, PreHash typed,
                                     Worker& worker) {
    auto source = std::make_shared<Secret>(typed.bytes().clone());
    auto salt = std::make_shared<Secret>(self->salt_.clone());
    auto work = [source, salt] { return derive(*source, *salt); };
    Task<Secret> deriving = worker.run(std::move(work));
    const Secret hash = co_await std::move(deriving);
    if (!self->ready_) {
        throw std::runtime_error("no password verifier");
    }
    co_return hash.equals(self->hash_);
}

Secret PasswordVerifier::serialise() const {
    Secret bytes;
    if (ready_) {
        bytes.append(salt_.view());
        bytes.append(hash_.view());
    }
    return bytes;
}

} // namespace raxauth::sessions
