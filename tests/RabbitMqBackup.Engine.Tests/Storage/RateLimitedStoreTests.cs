using System.Diagnostics;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

public sealed class RateLimitedStoreTests : ObjectStoreContract
{
    [Fact]
    public async Task All_that_moves_shares_the_rate()
    {
        byte[] bytes = Bytes(200_000);
        await Store.PutAsync(P("there"), new MemoryStream(bytes), new PutOptions(), Cancel);
        await using RateLimitedStore slow = new(Store, new RateLimiter(1_000_000, TimeProvider.System));
        Stopwatch clock = Stopwatch.StartNew();

        await Task.WhenAll(
            slow.PutAsync(P("a"), new MemoryStream(bytes), new PutOptions(), Cancel),
            slow.PutAsync(P("b"), new ScriptedStream(bytes), new PutOptions(), Cancel),
            ReadAllAsync(slow));

        // 0.6 MB at 1 MB/s, less the tenth of a second that the bucket holds.
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.45, 5);
    }

    internal override Task<IObjectStore> OpenEmptyAsync() => Task.FromResult<IObjectStore>(new RateLimitedStore(new MemoryStore(), new RateLimiter(1L << 40, TimeProvider.System)));

    private static async Task ReadAllAsync(RateLimitedStore store)
    {
        await using Stream stream = await store.OpenReadAsync(P("there"), null, Cancel);
        await stream.CopyToAsync(Stream.Null, Cancel);
    }
}
