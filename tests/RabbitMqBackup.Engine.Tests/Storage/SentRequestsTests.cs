using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>
/// What is sent to a cloud for features that no server here has: encryption with a key of KMS, and Azure's immutability and legal holds. A server that takes everything stands for the cloud; so the requests are as
/// documented, and what the clouds make of them is not shown.
/// </summary>
public sealed class SentRequestsTests
{
    // A part is 8 MiB.
    private const int BigBytes = 9 << 20;

    private readonly ConcurrentBag<Sent> _sent = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(100)]
    [InlineData(BigBytes)]
    public async Task Encryption_with_a_key_of_KMS_is_asked_for_when_an_object_begins(int length)
    {
        await using LoopbackServer server = await LoopbackServer.StartAsync(AnswerAsS3Async);
        await using IObjectStore store = BackupStore.Create(new BackupStoreOptions
        {
            Uri = "s3://bucket/prefix",
            S3 = new() { AccessKey = "key", SecretKey = "secret", Endpoint = server.Uri, ServerSideEncryption = "aws:kms", KmsKeyId = "arn:aws:kms:eu-central-1:1:key/k", ObjectLockMode = "COMPLIANCE", ObjectLockDays = 7, LegalHold = true },
        }).Open();

        await store.PutAsync(ObjectPath.Parse("a"), new MemoryStream(new byte[length]), new PutOptions { CreateOnly = true, Retain = true }, Cancel);

        // S3 takes these when an upload is begun, and refuses them with its parts.
        Sent begin = Assert.Single(_sent, request => length == BigBytes ? request.Query.StartsWith("?uploads", StringComparison.Ordinal) : request.Method == "PUT");
        Assert.Equal(("/bucket/prefix/a", "aws:kms", "arn:aws:kms:eu-central-1:1:key/k"), (begin.Path, begin["x-amz-server-side-encryption"], begin["x-amz-server-side-encryption-aws-kms-key-id"]));
        Assert.Equal(("COMPLIANCE", "ON"), (begin["x-amz-object-lock-mode"], begin["x-amz-object-lock-legal-hold"]));
        Assert.InRange(DateTimeOffset.Parse(begin["x-amz-object-lock-retain-until-date"], CultureInfo.InvariantCulture), DateTimeOffset.UtcNow.AddDays(6.9), DateTimeOffset.UtcNow.AddDays(7.1));
        Assert.All(_sent.Except([begin]), request => Assert.DoesNotContain(request.Headers.Keys, name => name.StartsWith("x-amz-server-side", StringComparison.OrdinalIgnoreCase) || name.StartsWith("x-amz-object-lock", StringComparison.OrdinalIgnoreCase)));
        Sent end = Assert.Single(_sent, request => length == BigBytes ? request.Query.Contains("uploadId", StringComparison.Ordinal) && request.Method == "POST" : request.Method == "PUT");
        Assert.Equal("*", end["If-None-Match"]);
    }

    [Theory]
    [InlineData(100, true)]
    [InlineData(100, false)]
    [InlineData(BigBytes, true)]
    public async Task Immutability_and_legal_hold_are_stamped_on_what_a_backup_is_made_of(int length, bool locked)
    {
        await using LoopbackServer server = await LoopbackServer.StartAsync(AnswerAsAzureAsync);
        await using IObjectStore store = BackupStore.Create(new BackupStoreOptions
        {
            Uri = "azblob://account/container",
            AzureBlob = new() { AccountKey = "a2V5", Endpoint = new Uri(server.Uri, "/account"), ImmutabilityDays = 7, ImmutabilityLocked = locked, LegalHold = true },
        }).Open();

        await store.PutAsync(ObjectPath.Parse("kept"), new MemoryStream(new byte[length]), new PutOptions { CreateOnly = true, Retain = true }, Cancel);
        await store.PutAsync(ObjectPath.Parse("free"), new MemoryStream(new byte[length]), new PutOptions { CreateOnly = true }, Cancel);

        Sent kept = MakesVisible("kept"), free = MakesVisible("free");
        Assert.Equal((locked ? "locked" : "unlocked", "true", "*"), (kept["x-ms-immutability-policy-mode"].ToLowerInvariant(), kept["x-ms-legal-hold"].ToLowerInvariant(), kept["If-None-Match"]));
        Assert.InRange(DateTimeOffset.Parse(kept["x-ms-immutability-policy-until-date"], CultureInfo.InvariantCulture), DateTimeOffset.UtcNow.AddDays(6.9), DateTimeOffset.UtcNow.AddDays(7.1));
        Assert.DoesNotContain(free.Headers.Keys, name => name.StartsWith("x-ms-immutability", StringComparison.OrdinalIgnoreCase) || name.StartsWith("x-ms-legal", StringComparison.OrdinalIgnoreCase));

        Sent MakesVisible(string name) => Assert.Single(_sent, request => request.Path.EndsWith(name, StringComparison.Ordinal) && request.Query == (length == BigBytes ? "?comp=blocklist" : ""));
    }

    [Theory]
    [InlineData("RequestTimeTooSkewed")]
    [InlineData("ExpiredToken")]
    public async Task A_clock_that_is_wrong_and_a_session_that_is_over_are_told_with_the_servers_word_and_not_repeated(string code)
    {
        await using LoopbackServer server = await LoopbackServer.StartAsync(async context =>
        {
            _sent.Add(Sent.Of(context.Request));
            context.Response.StatusCode = code == "ExpiredToken" ? 400 : 403;
            context.Response.ContentType = "application/xml";
            await context.Response.WriteAsync($"<Error><Code>{code}</Code><Message>no</Message></Error>", Cancel);
        });
        await using IObjectStore store = BackupStore.Create(new BackupStoreOptions { Uri = "s3://bucket", S3 = new() { AccessKey = "key", SecretKey = "canary", Endpoint = server.Uri } }).Open();

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => store.PutAsync(ObjectPath.Parse("a"), new MemoryStream([1]), new PutOptions(), Cancel));

        Assert.Equal(ErrorCode.StorageAccessDenied, error.Code);
        Assert.Contains(code, error.Message);
        Assert.Contains("clock", error.Hint);
        Assert.DoesNotContain("canary", error.ToString());
        Assert.Single(_sent);
    }

    private async Task AnswerAsS3Async(HttpContext context)
    {
        _sent.Add(Sent.Of(context.Request));
        await context.Request.Body.CopyToAsync(Stream.Null, Cancel);
        context.Response.Headers.ETag = "\"etag\"";
        context.Response.ContentType = "application/xml";
        string? answer = context.Request.Method != "POST" ? null
            : context.Request.Query.ContainsKey("uploads") ? "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>prefix/a</Key><UploadId>upload</UploadId></InitiateMultipartUploadResult>"
            : "<CompleteMultipartUploadResult><Bucket>bucket</Bucket><Key>prefix/a</Key><ETag>\"etag\"</ETag></CompleteMultipartUploadResult>";
        if (answer is not null)
        {
            await context.Response.WriteAsync(answer, Cancel);
        }
    }

    private async Task AnswerAsAzureAsync(HttpContext context)
    {
        _sent.Add(Sent.Of(context.Request));
        await context.Request.Body.CopyToAsync(Stream.Null, Cancel);
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.Headers.ETag = "\"0x1\"";
        context.Response.Headers.LastModified = DateTimeOffset.UtcNow.ToString("r");
    }

    /// <summary>A request as it came.</summary>
    private sealed record Sent(string Method, string Path, string Query, IReadOnlyDictionary<string, string> Headers)
    {
        internal string this[string name] => Headers.TryGetValue(name, out string? value) ? value : "";

        internal static Sent Of(HttpRequest request) =>
            new(request.Method, request.Path.Value ?? "", request.QueryString.Value ?? "", request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase));
    }
}
