using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Catalog;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Catalog;

public sealed class ManifestJsonTests
{
    [Fact]
    public void Everything_comes_back()
    {
        BackupManifest manifest = TestManifests.Full();
        byte[] bytes = ManifestJson.Write(manifest);
        BackupManifest read = Read(bytes);

        Assert.Equal(bytes, ManifestJson.Write(read));
        Assert.Equivalent(manifest, read, strict: true);
        Assert.Equal((10, 7_000_000_300, 3), (read.TotalMessages, read.TotalBytes, read.TotalSegments));
        IReadOnlyDictionary<string, object?> arguments = read.Queues[1].Arguments;
        foreach ((string name, object? value) in manifest.Queues[1].Arguments)
        {
            Assert.Equal(value?.GetType(), arguments[name]?.GetType());
            Assert.Equal(value, arguments[name]);
        }

        Assert.True(double.IsNegative((double)arguments["minus-zero"]!));
    }

    [Fact]
    public void Fields_have_the_names_and_units_of_the_documentation()
    {
        JsonObject json = JsonNode.Parse(ManifestJson.Write(TestManifests.Full()))!.AsObject();

        Assert.Equal(
            ["format_version", "backup_id", "status", "created_at", "completed_at", "source_cluster", "rabbitmq_version", "backup_tool_version", "based_on", "total_messages", "total_bytes", "total_segments", "definitions", "queues", "checksum"],
            json.Select(field => field.Key));
        Assert.Equal("1.0", (string?)json["format_version"]);
        Assert.Equal("partial", (string?)json["status"]);
        Assert.Equal(TestManifests.Created.ToUnixTimeMilliseconds(), (long)json["created_at"]!);
        Assert.Equal(10, (long)json["total_messages"]!);
    }

    [Fact]
    public void Every_field_is_described_in_the_documentation()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "RabbitMqBackup.sln")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        string text = File.ReadAllText(Path.Combine(folder, "src", "RabbitMqBackup.Engine", "Catalog", "MANIFEST.md"));
        JsonNode json = JsonNode.Parse(ManifestJson.Write(TestManifests.Full()))!;
        JsonNode queue = json["queues"]![1]!;
        foreach (JsonNode? part in new[] { json, json["definitions"], queue, queue["gaps"]![0], queue["segments"]![0] })
        {
            Assert.All(part!.AsObject(), field => Assert.Contains($"`{field.Key}`", text));
        }
    }

    [Fact]
    public void The_checksum_is_over_all_bytes_before_the_last_88()
    {
        byte[] bytes = ManifestJson.Write(TestManifests.Full());
        string digest = Convert.ToHexString(SHA256.HashData(bytes.AsSpan(..^88))).ToLowerInvariant();

        Assert.EndsWith($",\n\"checksum\":\"sha256:{digest}\"}}\n", Encoding.UTF8.GetString(bytes));
    }

    [Fact]
    public void Every_altered_byte_is_noticed()
    {
        byte[] bytes = ManifestJson.Write(TestManifests.Full());
        for (int i = 0; i < bytes.Length; i++)
        {
            foreach (byte mask in new byte[] { 0x01, 0x20, 0x80, 0xff })
            {
                byte[] altered = [.. bytes];
                altered[i] ^= mask;
                RabbitBackupException error = Assert.Throws<RabbitBackupException>(() => Read(altered));
                Assert.True(error.Code is ErrorCode.BackupIncomplete or ErrorCode.FormatTooNew, $"byte {i}: {error.Code}");
                Assert.Equal("b1/manifest.json", error.Target);
            }
        }
    }

    [Fact]
    public void Every_truncation_and_every_addition_is_noticed()
    {
        byte[] bytes = ManifestJson.Write(TestManifests.Small());
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.Equal(ErrorCode.BackupIncomplete, Assert.Throws<RabbitBackupException>(() => Read(bytes[..length])).Code);
        }

        Assert.Throws<RabbitBackupException>(() => Read([.. bytes, (byte)'\n']));
        Assert.Throws<RabbitBackupException>(() => Read([(byte)' ', .. bytes]));
        Assert.Throws<RabbitBackupException>(() => Read([.. bytes, .. bytes]));
    }

    [Fact]
    public void Unknown_fields_are_kept_and_written_back()
    {
        byte[] bytes = Altered(json =>
        {
            json["format_version"] = "1.7";
            json["new_top"] = JsonNode.Parse("""{"a":[1,2.50,"é\u0041",null],"b":{}}""");
            json["definitions"]!["new_definitions"] = 1;
            JsonNode queue = json["queues"]![1]!;
            queue["new_queue"] = "x";
            queue["gaps"]![0]!["new_gap"] = false;
            queue["segments"]![0]!["new_segment"] = JsonNode.Parse("[[]]");
        });

        string again = Encoding.UTF8.GetString(ManifestJson.Write(Read(bytes)));

        Assert.Contains("\"new_top\":{\"a\":[1,2.50,", again);
        foreach (string field in new[] { "\"new_definitions\":1", "\"new_queue\":\"x\"", "\"new_gap\":false", "\"new_segment\":[[]]" })
        {
            Assert.Contains(field, again);
        }
    }

    [Theory]
    [InlineData("2.0")]
    [InlineData("17.3")]
    public void A_newer_major_format_is_refused_by_name(string version)
    {
        RabbitBackupException error = Assert.Throws<RabbitBackupException>(() => Read(Altered(json => json["format_version"] = version)));

        Assert.Equal(ErrorCode.FormatTooNew, error.Code);
        Assert.Contains(version, error.Message);
        Assert.Contains("Update", error.Hint);
        Assert.Equal(ErrorCode.FormatTooNew, Assert.Throws<RabbitBackupException>(() => Read(Encoding.UTF8.GetBytes($"{{\"format_version\":\"{version}\",\"other\":1}}"))).Code);
    }

    [Theory]
    [InlineData("/backup_id", "\"../x\"", "backup id")]
    [InlineData("/backup_id", "7", "'backup_id' is no text")]
    [InlineData("/status", "\"in_progress\"", "'status'")]
    [InlineData("/status", "\"complete\"", "not captured")]
    [InlineData("/created_at", "1.5", "'created_at' is no whole number")]
    [InlineData("/created_at", "9223372036854775807", "'created_at' is no time")]
    [InlineData("/created_at", "null", "'created_at'")]
    [InlineData("/total_messages", "11", "in total")]
    [InlineData("/total_messages", "99999999999999999999", "'total_messages'")]
    [InlineData("/total_bytes", "-1", "in total")]
    [InlineData("/total_segments", "2", "in total")]
    [InlineData("/format_version", "\"0.9\"", "'format_version'")]
    [InlineData("/format_version", "\"1\"", "'format_version'")]
    [InlineData("/definitions/key", "\"manifest.json\"", "definitions/")]
    [InlineData("/definitions/key", "\"definitions/../../x\"", "definitions/")]
    [InlineData("/definitions/stored_bytes", "-1", "negative")]
    [InlineData("/definitions/sha256", "\"ABC\"", "SHA-256")]
    [InlineData("/queues", "{}", "'queues' is no array")]
    [InlineData("/queues/0/name", "null", "'name' is no text")]
    [InlineData("/queues/0/durable", "1", "'durable'")]
    [InlineData("/queues/0/outcome", "\"lost\"", "'outcome'")]
    [InlineData("/queues/0/messages", "4", "it says 10 messages")]
    [InlineData("/queues/0/segments/0/records", "2", "hold 2 messages, not 3")]
    [InlineData("/queues/0/depth_at_start", "-1", "negative")]
    [InlineData("/queues/0/arguments", "[]", "'arguments' is no object")]
    [InlineData("/queues/0/arguments", "{\"x\":1e999}", "'x' is no number")]
    [InlineData("/queues/0/arguments", "{\"x\":18446744073709551615}", "'x' is no whole number")]
    [InlineData("/queues/0/segments/0/key", "\"queues/../../../etc/passwd\"", "queues/")]
    [InlineData("/queues/0/segments/0/key", "\"/queues/a\"", "queues/")]
    [InlineData("/queues/0/segments/0/key", "\"queues/c:/x\"", "queues/")]
    [InlineData("/queues/0/segments/0/key", "\"queues\\\\..\\\\x\"", "queues/")]
    [InlineData("/queues/0/segments/0/key", "\"definitions/definitions.json.zst\"", "queues/")]
    [InlineData("/queues/0/segments/0/records", "-3", "negative")]
    [InlineData("/queues/0/segments/0/sha256", "\"\"", "SHA-256")]
    [InlineData("/queues/0/segments/0/first_offset", "1", "offsets")]
    [InlineData("/queues/1/segments/0/first_offset", "4", "offsets")]
    [InlineData("/queues/1/segments/1/key", "\"queues/x/y/segment-0001.zst\"", "listed twice")]
    [InlineData("/queues/2/name", "\"plain\"", "listed twice")]
    public void A_wrong_value_is_refused_with_its_place(string pointer, string value, string named)
    {
        byte[] bytes = Altered(json =>
        {
            JsonNode node = json;
            string[] steps = pointer.Split('/')[1..];
            foreach (string step in steps[..^1])
            {
                node = (node is JsonArray ? node[int.Parse(step)] : node[step])!;
            }

            node[steps[^1]] = JsonNode.Parse(value);
        });

        RabbitBackupException error = Assert.Throws<RabbitBackupException>(() => Read(bytes));

        Assert.Equal(ErrorCode.BackupIncomplete, error.Code);
        Assert.Contains(named, error.Message);
        Assert.Equal("b1/manifest.json", error.Target);
    }

    [Theory]
    [InlineData("backup_id")]
    [InlineData("queues")]
    [InlineData("total_messages")]
    [InlineData("format_version")]
    public void A_missing_field_is_refused_by_name(string field)
    {
        RabbitBackupException error = Assert.Throws<RabbitBackupException>(() => Read(Altered(json => json.AsObject().Remove(field))));

        Assert.Contains($"'{field}'", error.Message);
    }

    [Fact]
    public void A_field_that_stands_twice_is_refused_at_any_depth()
    {
        foreach (string once in new[] { "\"backup_id\":", "\"key\":", "\"vhost\":", "\"x-max-length\":", "\"sha256\":" })
        {
            string json = Encoding.UTF8.GetString(Sealable(ManifestJson.Write(TestManifests.Full())));
            int at = json.IndexOf(once, StringComparison.Ordinal);
            RabbitBackupException error = Assert.Throws<RabbitBackupException>(() => Read(ManifestJson.Seal(Encoding.UTF8.GetBytes($"{json[..at]}{once}null,{json[at..]}"))));
            Assert.Equal(ErrorCode.BackupIncomplete, error.Code);
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("nul}")]
    [InlineData("{\"backup_id\":\"\\ud800\"}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{\"a\":/**/1}")]
    [InlineData("}")]
    public void What_is_sealed_but_no_manifest_is_refused(string json) =>
        Assert.Equal(ErrorCode.BackupIncomplete, Assert.Throws<RabbitBackupException>(() => Read(ManifestJson.Seal(Encoding.UTF8.GetBytes(json)))).Code);

    [Fact]
    public void Depth_ends_at_a_limit()
    {
        string deep = string.Concat(Enumerable.Repeat("[", 100_000)) + string.Concat(Enumerable.Repeat("]", 100_000));
        string json = $"{{\"format_version\":\"1.0\",\"x\":{deep}}}";

        Assert.Equal(ErrorCode.BackupIncomplete, Assert.Throws<RabbitBackupException>(() => Read(ManifestJson.Seal(Encoding.UTF8.GetBytes(json)))).Code);
    }

    [Fact]
    public void Sums_that_overflow_are_refused()
    {
        byte[] bytes = Altered(json =>
        {
            json["queues"]![0]!["bytes"] = long.MaxValue;
            json["queues"]![1]!["bytes"] = long.MaxValue;
        });

        Assert.Contains("18446744073709551614", Assert.Throws<RabbitBackupException>(() => Read(bytes)).Message);
    }

    [Fact]
    public void What_must_not_be_believed_is_not_written()
    {
        BackupManifest manifest = TestManifests.Small();

        Assert.Throws<ArgumentException>(() => ManifestJson.Write(manifest with { Status = BackupStatus.InProgress }));
        Assert.Throws<ArgumentException>(() => ManifestJson.Write(manifest with { CompletedAt = null }));
        Assert.Throws<ArgumentException>(() => ManifestJson.Write(manifest with { Queues = [manifest.Queues[0] with { Outcome = QueueOutcome.Failed }] }));
        Assert.Throws<ArgumentException>(() => ManifestJson.Write(manifest with { Queues = [manifest.Queues[0] with { Messages = 2 }] }));
        Assert.Throws<ArgumentException>(() => ManifestJson.Write(manifest with { Queues = [manifest.Queues[0] with { Arguments = new Dictionary<string, object?> { ["x"] = double.NaN } }] }));
        Assert.Throws<ArgumentException>(() => ManifestJson.Write(manifest with { Queues = [manifest.Queues[0] with { Arguments = new Dictionary<string, object?> { ["x"] = DateTime.Now } }] }));
    }

    private static BackupManifest Read(byte[] bytes) => ManifestJson.Read(bytes, "b1/manifest.json", null);

    /// <summary>The text without its checksum, as an object.</summary>
    private static byte[] Sealable(byte[] bytes) => [.. bytes.AsSpan(..^88), (byte)'}'];

    private static byte[] Altered(Action<JsonNode> change)
    {
        JsonNode json = JsonNode.Parse(Sealable(ManifestJson.Write(TestManifests.Full())))!;
        change(json);
        return ManifestJson.Seal(Encoding.UTF8.GetBytes(json.ToJsonString()));
    }
}
