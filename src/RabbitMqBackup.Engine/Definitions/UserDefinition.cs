using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>A user.</summary>
public sealed class UserDefinition : DefinitionObject
{
    private const int SaltBytes = 4;
    private const string Sha256 = "rabbit_password_hashing_sha256";

    internal UserDefinition(JsonElement json)
        : base(DefinitionKind.User, json)
    {
    }

    /// <summary>Tags, e.g. <c>administrator</c>.</summary>
    public IReadOnlyList<string> Tags => Json.Text("tags") is { } text
        ? text.Split(",", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        : Json.Texts("tags");

    /// <summary>It has a password: not only a certificate or another backend.</summary>
    public bool HasPassword => Text("password_hash").Length > 0 || Password is not null;

    /// <summary>The password itself, which a file written by hand may have in place of a hash.</summary>
    private string? Password => Json.Text("password");

    /// <summary>Nothing is said about a password, not even that there is none.</summary>
    internal bool SaysNoPassword => !Json.TryGetProperty("password_hash", out _) && !Json.TryGetProperty("password", out _);

    /// <summary>A user of which no password is told keeps the one that it has: to a broker, a missing hash means another that nobody knows.</summary>
    internal UserDefinition WithPasswordOf(UserDefinition there) => (UserDefinition)With(json =>
    {
        foreach (string field in new[] { "password", "password_hash", "hashing_algorithm" })
        {
            if (there.Json.Text(field) is { } value)
            {
                json[field] = value;
            }
        }
    });

    /// <summary>It can go on with an import: it logs in with this password and is an administrator.</summary>
    internal bool CanImportWith(string password) => Tags.Contains("administrator") && (Password == password || Fits(password, this));

    /// <summary>A file's password and a broker's hash of it count as the same: the user as the broker has it, where they fit.</summary>
    internal UserDefinition WithHashOf(UserDefinition other) => Password is { } password && Fits(password, other)
        ? (UserDefinition)With(json =>
        {
            json.Remove("password");
            json["password_hash"] = other.Text("password_hash");
        })
        : this;

    // RabbitMQ: base64 of a salt of 4 bytes, and the SHA-256 of the salt and the password in UTF-8.
    private static bool Fits(string password, UserDefinition other)
    {
        Span<byte> hash = stackalloc byte[SaltBytes + SHA256.HashSizeInBytes];
        if ((other.Json.Text("hashing_algorithm") ?? Sha256) != Sha256 || !Convert.TryFromBase64String(other.Text("password_hash"), hash, out int length) || length != hash.Length)
        {
            return false;
        }

        byte[] salted = [.. hash[..SaltBytes], .. Encoding.UTF8.GetBytes(password)];
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(salted), hash[SaltBytes..]);
    }

    private protected override void Normalize(JsonObject json)
    {
        json["tags"] = new JsonArray([.. Tags.Order(StringComparer.Ordinal).Select(tag => JsonValue.Create(tag))]);
        Default(json, "limits", new JsonObject());
        Default(json, "hashing_algorithm", Sha256);
        Complete(json, namesQueueType: false);
    }

    private protected override void Complete(JsonObject json, bool namesQueueType)
    {
        Default(json, "tags", new JsonArray());
        if (Password is null)
        {
            Default(json, "password_hash", "");
        }
    }
}
