using RabbitMqBackup.Engine.Format;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Format;

public class BlockPoolTests
{
    [Fact]
    public void Blocks_are_counted_and_used_again()
    {
        BlockPool pool = new(free: new());
        byte[] first = pool.Rent();
        pool.Rent();
        Assert.Equal(2, pool.BlocksInUse);
        Assert.Equal(2L * BlockPool.BlockBytes, pool.BytesInUse);

        pool.Return(first);
        Assert.Equal(1, pool.BlocksInUse);
        Assert.Same(first, pool.Rent());
    }

    [Fact]
    public void No_more_blocks_are_kept_than_asked()
    {
        BlockPool pool = new(keep: 1, free: new());
        byte[] first = pool.Rent();
        byte[] second = pool.Rent();
        pool.Return(first);
        pool.Return(second);

        Assert.Same(first, pool.Rent());
        Assert.NotSame(second, pool.Rent());
    }

    [Fact]
    public void A_second_pool_takes_the_blocks_that_the_first_one_left()
    {
        Stack<byte[]> common = new();
        BlockPool first = new(free: common);
        byte[] block = first.Rent();
        first.Return(block);
        BlockPool second = new(free: common);

        Assert.Same(block, second.Rent());
        Assert.Equal((0, 1), (first.BlocksInUse, second.BlocksInUse));
    }

    [Fact]
    public async Task A_block_is_with_one_borrower_at_a_time()
    {
        BlockPool pool = new(free: new());
        await Task.WhenAll(Enumerable.Range(1, 4).Select(mark => Task.Run(() =>
        {
            for (int i = 0; i < 2000; i++)
            {
                byte[] block = pool.Rent();
                block.AsSpan(0, 256).Fill((byte)mark);
                Thread.SpinWait(50);
                Assert.Equal(-1, block.AsSpan(0, 256).IndexOfAnyExcept((byte)mark));
                pool.Return(block);
            }
        })));

        Assert.Equal(0, pool.BlocksInUse);
    }
}
