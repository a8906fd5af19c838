using Microsoft.AspNetCore.Http;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>Answers that say success and are none, or never end: of a proxy that asks for a password, of a service that fails after its headers, of a server that means harm.</summary>
public sealed class OddAnswersTests
{
    // A part is 8 MiB.
    private const int BigBytes = 9 << 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("<Error><Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message></Error>")]
    [InlineData("<html><body>Log in</body></html>")]
    [InlineData("")]
    public async Task An_upload_whose_end_is_answered_with_something_else_is_not_stored(string answer)
    {
        await using LoopbackServer server = await LoopbackServer.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null, Cancel);
            if (context.Request.Method == "HEAD")
            {
                context.Response.StatusCode = 404;
                return;
            }

            context.Response.ContentType = "application/xml";
            if (context.Request.Method == "PUT")
            {
                context.Response.Headers.ETag = "\"part\"";
            }
            else
            {
                await context.Response.WriteAsync(context.Request.Query.ContainsKey("uploads")
                    ? "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>a</Key><UploadId>upload</UploadId></InitiateMultipartUploadResult>" : answer, Cancel);
            }
        });
        await using IObjectStore store = S3(server);

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => store.PutAsync(ObjectPath.Parse("a"), new MemoryStream(new byte[BigBytes]), new PutOptions { CreateOnly = true }, Cancel));

        Assert.Equal(ErrorCode.StorageUnavailable, error.Code);
    }

    [Fact]
    public async Task A_put_that_a_proxy_answers_with_a_page_of_its_own_is_not_stored()
    {
        await using LoopbackServer server = await LoopbackServer.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null, Cancel);
            context.Response.ContentType = "text/html";
            await context.Response.WriteAsync("<html><body>Log in</body></html>", Cancel);
        });
        await using IObjectStore store = S3(server);

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => store.PutAsync(ObjectPath.Parse("a"), new MemoryStream(new byte[100]), new PutOptions { CreateOnly = true }, Cancel));

        Assert.Equal(ErrorCode.StorageUnavailable, error.Code);
    }

    /// <summary>Azure's library wraps that twice.</summary>
    [Fact]
    public async Task A_connection_that_ends_in_the_middle_of_an_answer_is_a_store_that_can_be_tried_again()
    {
        await using LoopbackServer server = await LoopbackServer.StartAsync(async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null, Cancel);
            context.Abort();
        });
        await using IObjectStore store = BackupStore.Create(new BackupStoreOptions
        {
            Uri = "azblob://account/container",
            AzureBlob = new AzureBlobOptions { AccountKey = Convert.ToBase64String("key"u8), Endpoint = new Uri(server.Uri, "account") },
            Retry = new RetryOptions { MaxAttempts = 1 },
        }).Open();

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => store.PutAsync(ObjectPath.Parse("a"), new MemoryStream(new byte[100]), new PutOptions { CreateOnly = true }, Cancel));

        Assert.True(error is { Code: ErrorCode.StorageUnavailable, IsTransient: true }, error.ToString());
    }

    [Theory]
    [InlineData(200)]
    [InlineData(403)]
    public async Task An_answer_without_an_end_is_given_up_before_it_fills_the_memory(int status)
    {
        await using LoopbackServer server = await LoopbackServer.StartAsync(async context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = "application/xml";
            await context.Response.WriteAsync("<ListBucketResult>", Cancel);
            byte[] filler = new byte[1 << 20];
            filler.AsSpan().Fill((byte)' ');
            for (int i = 0; i < 200 && !context.RequestAborted.IsCancellationRequested; i++)
            {
                await context.Response.Body.WriteAsync(filler, context.RequestAborted);
            }
        });
        await using IObjectStore store = S3(server);

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(async () => await store.ListAsync("", new ListOptions(), Cancel).GetAsyncEnumerator(Cancel).MoveNextAsync());

        // What the server has written says nothing: it goes on writing to a connection that is gone.
        Assert.Contains("has more than 33554432 bytes", error.ToString(), StringComparison.Ordinal);
    }

    /// <summary>What a server has not read of an object that it refused, it takes for the next request over that connection.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(int.MaxValue)]
    public async Task A_question_that_was_not_understood_is_asked_once_more(int refusals)
    {
        int asked = 0;
        await using LoopbackServer server = await LoopbackServer.StartAsync(async context =>
        {
            if (++asked <= refusals)
            {
                context.Response.StatusCode = 400;
                return;
            }

            context.Response.ContentType = "application/xml";
            await context.Response.WriteAsync("<ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>", Cancel);
        });
        await using IObjectStore store = S3(server, attempts: 5);

        RabbitBackupException? error = await Record.ExceptionAsync(async () => Assert.Empty(await store.ListAsync("", new(), Cancel).ToListAsync(Cancel))) as RabbitBackupException;

        Assert.Equal((2, refusals == 1), (asked, error is null));
        Assert.Contains("status 400", error?.Message ?? "status 400", StringComparison.Ordinal);
    }

    private static IObjectStore S3(LoopbackServer server, int attempts = 1) => BackupStore.Create(new BackupStoreOptions
    {
        Uri = "s3://bucket",
        S3 = new() { AccessKey = "key", SecretKey = "secret", Endpoint = server.Uri },
        Retry = new RetryOptions { MaxAttempts = attempts, FirstDelay = TimeSpan.FromMilliseconds(1) },
    }).Open();
}
