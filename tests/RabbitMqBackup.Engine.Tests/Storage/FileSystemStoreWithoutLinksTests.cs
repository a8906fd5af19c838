using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>The folder store as it works on FAT and on network shares that have no hard links.</summary>
public sealed class FileSystemStoreWithoutLinksTests : ObjectStoreContract
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"rmqb-store-{Guid.NewGuid():n}");

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    internal override Task<IObjectStore> OpenEmptyAsync() => Task.FromResult<IObjectStore>(new FileSystemStore(_folder) { HardLinks = false });

    protected override IEnumerable<string> OddNames() => ["plain"];
}
