using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Tests.Storage;

public sealed class MemoryStoreTests : ObjectStoreContract
{
    internal override Task<IObjectStore> OpenEmptyAsync() => Task.FromResult<IObjectStore>(new MemoryStore());
}
