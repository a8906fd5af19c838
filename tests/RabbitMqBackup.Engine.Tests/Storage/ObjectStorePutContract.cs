using System.Security.Cryptography;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>What every store promises of puts: whole or not at all, only where nothing is or only in place of a certain version.</summary>
public abstract class ObjectStorePutContract : ObjectStoreTest
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_big_object_of_unknown_length_comes_back_byte_for_byte(bool createOnly)
    {
        byte[] bytes = Bytes(BigBytes + 12_345);
        PutOptions options = new() { Sha256 = SHA256.HashData(bytes), CreateOnly = createOnly };

        ObjectInfo put = await Store.PutAsync(P("big"), new ScriptedStream(bytes), options, Cancel);

        Assert.Equal(bytes.Length, put.Length);
        await using Stream stream = await Store.OpenReadAsync(P("big"), null, Cancel);
        Assert.Equal(SHA256.HashData(bytes), await SHA256.HashDataAsync(stream, Cancel));
        Assert.Equal(put.Version, (await Store.HeadAsync(P("big"), Cancel))!.Version);
    }

    [Fact]
    public async Task A_put_replaces_the_object_and_its_version()
    {
        HashSet<string> versions = [];
        for (int i = 0; i < 20; i++)
        {
            Assert.True(versions.Add((await PutAsync("a", $"{i:00}")).Version), "two contents of equal length have one version");
        }

        Assert.Equal("19", await ReadAsync("a"));
    }

    [Fact]
    public async Task An_object_is_invisible_until_its_put_has_ended()
    {
        TaskCompletionSource reached = new(), go = new();
        ScriptedStream content = new(Bytes(BigBytes), BigBytes / 2, async _ =>
        {
            reached.SetResult();
            await go.Task;
        });
        Task<ObjectInfo> put = Store.PutAsync(P("x/y"), content, new PutOptions(), Cancel);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancel);

        Assert.Null(await Store.HeadAsync(P("x/y"), Cancel));
        Assert.Empty(await ListAsync(""));
        Assert.Empty(await ListAsync("", new ListOptions { Delimited = true }));
        await AssertCodeAsync(ErrorCode.ObjectNotFound, () => Store.OpenReadAsync(P("x/y"), null, Cancel));

        go.SetResult();
        await put;
        Assert.Single(await ListAsync(""));
    }

    [Fact]
    public async Task While_an_object_is_replaced_the_old_one_is_read()
    {
        await PutAsync("a", "old");
        TaskCompletionSource reached = new(), go = new();
        ScriptedStream content = new(Bytes(BigBytes), BigBytes / 2, async _ =>
        {
            reached.SetResult();
            await go.Task;
        });
        Task<ObjectInfo> put = Store.PutAsync(P("a"), content, new PutOptions(), Cancel);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancel);

        Assert.Equal("old", await ReadAsync("a"));
        go.SetResult();
        await put;
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(0)]
    public async Task A_put_whose_content_fails_half_way_leaves_nothing(int beforeEnd)
    {
        ScriptedStream content = new(Bytes(BigBytes), BigBytes - 1_000 + beforeEnd, _ => throw new IOException("the source broke"));

        await AssertCodeAsync(ErrorCode.StorageUnavailable, () => Store.PutAsync(P("x/y"), content, new PutOptions { CreateOnly = true }, Cancel));

        Assert.Null(await Store.HeadAsync(P("x/y"), Cancel));
        Assert.Empty(await ListAsync(""));
        await PutAsync("x/y", "later", new PutOptions { CreateOnly = true });
    }

    [Fact]
    public async Task A_cancelled_put_leaves_nothing()
    {
        using CancellationTokenSource source = new();
        ScriptedStream content = new(Bytes(BigBytes), BigBytes - 10, token =>
        {
            source.Cancel();
            token.ThrowIfCancellationRequested();
            return Task.CompletedTask;
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.PutAsync(P("x"), content, new PutOptions(), source.Token));

        Assert.Null(await Store.HeadAsync(P("x"), Cancel));
        Assert.Empty(await ListAsync(""));
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(10, false)]
    [InlineData(0, false)]
    public async Task Content_that_differs_from_its_SHA256_is_refused(int length, bool seekable)
    {
        byte[] bytes = Bytes(length == 0 ? BigBytes : length);
        PutOptions options = new() { Sha256 = new byte[32] };

        RabbitBackupException error = await AssertCodeAsync(
            ErrorCode.StorageUnavailable,
            () => Store.PutAsync(P("x"), seekable ? new MemoryStream(bytes) : new ScriptedStream(bytes), options, Cancel));

        Assert.Contains("SHA-256", error.Message);
        Assert.Null(await Store.HeadAsync(P("x"), Cancel));
    }

    [Theory]
    [InlineData(9)]
    [InlineData(11)]
    public async Task Content_of_another_length_than_promised_is_refused(long promised)
    {
        await AssertCodeAsync(ErrorCode.StorageUnavailable, () => Store.PutAsync(P("x"), new ScriptedStream(Bytes(10)), new PutOptions { Length = promised }, Cancel));

        Assert.Null(await Store.HeadAsync(P("x"), Cancel));
    }

    [Fact]
    public async Task Content_is_read_from_its_position()
    {
        MemoryStream content = new("0123456789"u8.ToArray()) { Position = 4 };

        ObjectInfo put = await Store.PutAsync(P("x"), content, new PutOptions { Length = 6 }, Cancel);

        Assert.Equal(6, put.Length);
        Assert.Equal("456789", await ReadAsync("x"));
    }

    [Fact]
    public async Task Create_only_leaves_what_is_there()
    {
        await PutAsync("a", "first", new PutOptions { CreateOnly = true });

        RabbitBackupException error = await AssertCodeAsync(ErrorCode.StorageConflict, () => PutAsync("a", "second", new PutOptions { CreateOnly = true }));

        Assert.False(error.IsTransient);
        Assert.Equal("first", await ReadAsync("a"));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(0)]
    public async Task Of_sixteen_racers_that_create_one_object_one_wins(int length)
    {
        Assert.True(Store.Capabilities.HasFlag(StoreCapabilities.CreateOnly));
        for (int round = 0; round < 4; round++)
        {
            ObjectPath path = P($"race/{round}");
            byte[][] contents = [.. Enumerable.Range(0, 16).Select(i => Bytes(length == 0 && i == 0 ? BigBytes : 100 + i))];
            using Barrier barrier = new(16);
            Task<bool>[] racers = [.. contents.Select(bytes => Task.Factory.StartNew(
                () =>
                {
                    barrier.SignalAndWait(Cancel);
                    return TryCreateAsync(path, bytes);
                },
                Cancel,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default).Unwrap())];

            bool[] won = await Task.WhenAll(racers);

            Assert.Single(won, one => one);
            byte[] winner = contents[Array.IndexOf(won, true)];
            await using Stream stream = await Store.OpenReadAsync(path, null, Cancel);
            Assert.Equal(SHA256.HashData(winner), await SHA256.HashDataAsync(stream, Cancel));
        }
    }

    [Fact]
    public async Task A_put_bound_to_a_version_needs_that_version()
    {
        Assert.True(Store.Capabilities.HasFlag(StoreCapabilities.IfVersion));
        ObjectInfo first = await PutAsync("a", "1");
        ObjectInfo second = await PutAsync("a", "2", new PutOptions { IfVersion = first.Version });

        await AssertCodeAsync(ErrorCode.StorageConflict, () => PutAsync("a", "3", new PutOptions { IfVersion = first.Version }));
        await AssertCodeAsync(ErrorCode.StorageConflict, () => PutAsync("none", "3", new PutOptions { IfVersion = second.Version }));

        Assert.Equal("2", await ReadAsync("a"));
        Assert.Null(await Store.HeadAsync(P("none"), Cancel));
    }

    [Fact]
    public async Task Versions_make_a_counter_that_loses_no_step()
    {
        await PutAsync("n", "0");
        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => Task.Run(async () =>
        {
            for (int done = 0; done < 5;)
            {
                string version = (await Store.HeadAsync(P("n"), Cancel))!.Version;
                int value = int.Parse(await ReadAsync("n"));
                done += await TryPutAsync($"{value + 1}", version) ? 1 : 0;
            }
        })));

        Assert.Equal("30", await ReadAsync("n"));

        // Bound to the version seen before the read: if somebody wrote in between, the put fails.
        async Task<bool> TryPutAsync(string text, string version)
        {
            try
            {
                await PutAsync("n", text, new PutOptions { IfVersion = version });
                return true;
            }
            catch (RabbitBackupException error) when (error.Code == ErrorCode.StorageConflict)
            {
                return false;
            }
        }
    }

    private async Task<bool> TryCreateAsync(ObjectPath path, byte[] bytes)
    {
        try
        {
            await Store.PutAsync(path, new MemoryStream(bytes), new PutOptions { CreateOnly = true }, Cancel);
            return true;
        }
        catch (RabbitBackupException error) when (error.Code == ErrorCode.StorageConflict)
        {
            return false;
        }
    }
}
